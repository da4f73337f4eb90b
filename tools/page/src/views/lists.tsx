// Entities without a counterpart, rivals, conflicts, aligned relations.
import { useEffect, useState } from "preact/hooks";
import { useLazy } from "../lazy";
import type { Review } from "../review";
import type { Source } from "../source";
import type { Part, Side } from "../types";
import { count, counted, percent, sentence, worded } from "../words";

type Line = Record<string, unknown>;

/** What a list shows: its title, what is said when it is empty, and its columns. */
interface ListKind {
  title: string;
  empty: string;
  columns: [string, (line: Line) => unknown][];
}

const of = (name: string) => (line: Line) => line[name];
const either = (first: string, second: string) => (line: Line) => line[first] ?? line[second];
const alone = (side: Side, empty: string): ListKind => ({
  title: side === "left" ? "Left only" : "Right only",
  empty,
  columns: [
    ["entity", either(`${side}_name`, "name")],
    ["nearest entity", of("nearest")],
    ["confidence", (line) => percent(line.confidence as number | null)],
  ],
});
const LISTS: Record<string, ListKind> = {
  unmatched_left: alone("left", "Every entity of the left graph has a counterpart."),
  unmatched_right: alone("right", "Every entity of the right graph has a counterpart."),
  rivals: {
    title: "Rivals",
    empty: "No two entities want the same counterpart.",
    columns: [
      ["entity", of("name")],
      ["side", of("side")],
      ["score", of("score")],
      ["best counterpart", either("best", "wants")],
      ["matched to", of("taken_by")],
    ],
  },
  conflicts: {
    title: "Conflicts",
    empty: "No match joins different types, or different values of a functional attribute.",
    columns: [
      ["left", either("left_name", "left")],
      ["right", either("right_name", "right")],
      ["conflict", (line) => line.attribute ?? line.kind],
      ["left has", either("left_values", "left_value")],
      ["right has", either("right_values", "right_value")],
      ["confidence", (line) => percent(line.confidence as number | null)],
    ],
  },
  relations: {
    title: "Relations",
    empty: "No relation of one graph was aligned to one of the other.",
    columns: [
      ["left", either("left_name", "left")],
      ["right", (line) => `${line.right_name ?? line.right}${line.inverse ? " (inverse)" : ""}`],
      ["kind", of("kind")],
      ["shared facts", either("support", "count")],
      ["left in right", of("left_in_right")],
      ["right in left", of("right_in_left")],
      ["equality", either("equality", "score")],
    ],
  },
};
const PAGE = 50;

export function Lists({ source, review }: { source: Source; review: Review }) {
  const [name, setName] = useState("unmatched_left");
  const { data: near, place } = useLazy(source, async () => true);
  return (
    <section id="lists" class="panel" ref={place} aria-labelledby="lists-title" tabIndex={-1}>
      <h2 id="lists-title">Lists</h2>
      <div class="tabs" role="group" aria-label="List to show">
        {Object.keys(LISTS).map((each) => (
          <button key={each} aria-pressed={each === name} onClick={() => setName(each)}>
            {LISTS[each]!.title}
          </button>
        ))}
      </div>
      {near && <OneList key={name} source={source} review={review} name={name} />}
    </section>
  );
}

function OneList({ source, review, name }: { source: Source; review: Review; name: string }) {
  const [offset, setOffset] = useState(0);
  const [part, setPart] = useState<Part<Line> | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    let current = true;
    source.list(name, offset, PAGE).then(
      (found) => current && setPart(found),
      (error: Error) => current && setProblem(error.message),
    );
    return () => {
      current = false;
    };
  }, [name, offset]);
  if (problem) return <p class="problem" role="alert">{problem}</p>;
  if (part === null) return <p class="soft">Loading …</p>;
  const kind = LISTS[name]!;
  if (part.total === 0) return <p class="empty">{sentence(part.left_out ?? kind.empty)}</p>;
  const columns = kind.columns.filter(([, value]) => part.rows.some((line) => value(line) !== undefined && value(line) !== null));
  return (
    <>
      <div class="scroll tall" tabIndex={0} role="group" aria-label={worded(name)}>
        <table class="list-table">
          <thead>
            <tr>
              {columns.map(([title]) => (
                <th key={title} scope="col">
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {part.rows.map((line, row) => (
              <tr key={row}>
                {columns.map(([title, value], column) => (
                  <td key={title} dir="auto">
                    {column === 0 ? <Entity review={review} name={name} line={line} text={textOf(value(line))} /> : textOf(value(line))}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="pager">
        <button disabled={offset === 0} onClick={() => setOffset(offset - PAGE)}>
          Previous
        </button>
        <span class="soft small">
          {part.rows.length > 0 ? `${count(offset + 1)} to ${count(offset + part.rows.length)} of ` : "This page holds no more of "}
          {counted(part.total, "row")}
        </span>
        <button disabled={offset + part.rows.length >= part.total || part.rows.length === 0} onClick={() => setOffset(offset + PAGE)}>
          Next
        </button>
      </p>
    </>
  );
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return Number.isInteger(value) ? count(value) : value.toFixed(2);
  if (typeof value === "object" && "name" in value) {
    const { name, score } = value as { name: string; score?: number };
    return score === undefined ? name : `${name} (${score.toFixed(1)})`;
  }
  return Array.isArray(value) ? value.join(", ") : String(value);
}

/** The first cell opens the entity in the review, where the list is one of entities. */
function Entity({ review, name, line, text }: { review: Review; name: string; line: Line; text: string }) {
  const right = name === "unmatched_right" || (name === "rivals" && line.side === "right");
  const key = line.left ?? line.key;
  if (name === "relations" || right || typeof key !== "string") return <>{text}</>;
  const show = async () => {
    try {
      const [row] = await review.source.rowsOf([key]);
      if (!row) return review.say({ text: `This page holds no row of ${text}.`, undo: false, bad: true });
      review.show(row);
      document.getElementById("review")?.scrollIntoView({ block: "start" });
      document.getElementById("match-title")?.focus({ preventScroll: true });
    } catch (problem) {
      review.say({ text: (problem as Error).message, undo: false, bad: true });
    }
  };
  return (
    <button class="plain" onClick={() => void show()}>
      <bdi>{text}</bdi>
    </button>
  );
}
