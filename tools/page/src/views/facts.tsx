// Attributes and neighbours of both entities, the ones that agree beside each other.
import type { ComponentChild } from "preact";
import { useState } from "preact/hooks";
import type { Detail, Neighbour } from "../types";
import { counted } from "../words";

const STATES: Record<string, [string, string]> = {
  equal: ["=", "equal"],
  near: ["≈", "near"],
  different: ["≠", "different"],
  left: ["←", "left only"],
  right: ["→", "right only"],
};
const FIRST = 12;

function useSome<T>(rows: T[]): { some: T[]; more: ComponentChild } {
  const [all, setAll] = useState(false);
  const rest = rows.length - FIRST;
  if (rest <= 0) return { some: rows, more: null };
  return {
    some: all ? rows : rows.slice(0, FIRST),
    more: (
      <button class="plain" onClick={() => setAll(!all)}>
        {all ? "Show fewer" : `Show ${rest} more`}
      </button>
    ),
  };
}

/** A table of left and right facts; between them is how they compare. */
function PairTable({ between, children }: { between: string; children: ComponentChild }) {
  return (
    <table class="pairs">
      <colgroup>
        <col />
        <col class="narrow" />
        <col />
      </colgroup>
      <thead>
        <tr>
          <th scope="col">left</th>
          <th scope="col">
            <span class="unseen">{between}</span>
          </th>
          <th scope="col">right</th>
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  );
}

/** The middle cell of a pair: a sign for eyes, words for everybody else. */
function Compared({ sign, words }: { sign: string; words: string }) {
  return (
    <td class="state" title={words}>
      <span aria-hidden="true">{sign}</span>
      <span class="unseen">{words}</span>
    </td>
  );
}

export function Attributes({ detail }: { detail: Detail }) {
  const { attributes } = detail;
  const { some, more } = useSome(attributes);
  const leftOut = detail.attributes_left_out ?? 0;
  const tally = (state: string) => attributes.filter((row) => row.state === state).length;
  return (
    <section class="part" aria-labelledby="attributes-title">
      <h4 id="attributes-title">
        Attributes
        {attributes.length > 0 && (
          <span class="soft">
            {" "}
            {tally("equal")} equal, {tally("near")} near, {tally("different")} different
          </span>
        )}
      </h4>
      {attributes.length === 0 && <p class="empty">Neither entity has attributes.</p>}
      {some.length > 0 && (
        <PairTable between="comparison">
          {some.map(({ left, right, state }, place) => (
            <tr key={place} class={state}>
              <td>{left && <Fact name={left.attribute} value={left.value} />}</td>
              <Compared sign={STATES[state]![0]} words={STATES[state]![1]} />
              <td>{right && <Fact name={right.attribute} value={right.value} />}</td>
            </tr>
          ))}
        </PairTable>
      )}
      {more}
      {leftOut > 0 && <p class="soft small">{counted(leftOut, "more fact")} not shown here.</p>}
    </section>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <>
      <span class="name" dir="auto">
        {name}
      </span>
      <span class="value" dir="auto">
        {value}
      </span>
    </>
  );
}

export function Neighbours({ detail }: { detail: Detail }) {
  const rows = [...detail.neighbours].sort((a, b) => Number(b.matched) - Number(a.matched));
  const { some, more } = useSome(rows);
  const leftOut = detail.neighbours_left_out ?? 0;
  const paired = rows.filter((row) => row.matched).length;
  return (
    <section class="part" aria-labelledby="neighbours-title">
      <h4 id="neighbours-title">
        Neighbours
        {rows.length > 0 && <span class="soft"> {counted(paired, "pair")} matched to each other</span>}
      </h4>
      {rows.length === 0 && <p class="empty">Neither entity has neighbours.</p>}
      {some.length > 0 && (
        <PairTable between="matched to each other">
          {some.map(({ left, right, matched }, place) => (
            <tr key={place} class={matched ? "equal" : left ? "left" : "right"}>
              <td>{left && <Near neighbour={left} />}</td>
              <Compared sign={matched ? "=" : "·"} words={matched ? "matched" : "not matched"} />
              <td>{right && <Near neighbour={right} />}</td>
            </tr>
          ))}
        </PairTable>
      )}
      {more}
      {leftOut > 0 && <p class="soft small">{counted(leftOut, "more fact")} not shown here.</p>}
    </section>
  );
}

function Near({ neighbour }: { neighbour: Neighbour }) {
  const name = neighbour.inverse ? `${neighbour.relation} of` : neighbour.relation;
  return <Fact name={name} value={neighbour.name} />;
}
