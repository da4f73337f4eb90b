// Entities without a counterpart, rivals, conflicts, aligned relations.
import { useEffect, useState } from "preact/hooks";
import { useLazy } from "../lazy";
import type { Review } from "../review";
import type { Source } from "../source";
import type { Part } from "../types";
import { count, counted, worded } from "../words";

type Line = Record<string, unknown>;

const LISTS: [string, string, string][] = [
  ["unmatched_left", "Left only", "Every entity of the left graph has a counterpart."],
  ["unmatched_right", "Right only", "Every entity of the right graph has a counterpart."],
  ["rivals", "Rivals", "No two entities want the same counterpart."],
  ["conflicts", "Conflicts", "No match joins different types, or different values of a functional attribute."],
  ["relations", "Relations", "No relation of one graph was aligned to one of the other."],
];
const PAGE = 50;

export function Lists({ source, review }: { source: Source; review: Review }) {
  const [name, setName] = useState("unmatched_left");
  const { data: near, place } = useLazy(source, async () => true);
  return (
    <section id="lists" class="panel" ref={place} aria-labelledby="lists-title" tabIndex={-1}>
      <h2 id="lists-title">Lists</h2>
      <div class="tabs" role="group" aria-label="List to show">
        {LISTS.map(([each, title]) => (
          <button key={each} aria-pressed={each === name} onClick={() => setName(each)}>
            {title}
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
  if (part.total === 0) return <p class="empty">{LISTS.find(([each]) => each === name)?.[2]}</p>;
  const names = columnsOf(part.rows);
  return (
    <>
      <div class="scroll" tabIndex={0} role="group" aria-label={worded(name)}>
        <table class="list-table">
          <thead>
            <tr>
              {names.map((each) => (
                <th key={each} scope="col">
                  {worded(each)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {part.rows.map((line, row) => (
              <tr key={row}>
                {names.map((each) => (
                  <td key={each} dir="auto">
                    {each === names[0] ? <Entity review={review} name={name} line={line} text={textOf(line, each)} /> : textOf(line, each)}
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
          {part.rows.length > 0 && `${count(offset + 1)} to ${count(offset + part.rows.length)} of `}
          {counted(part.total, "row")}
        </span>
        <button disabled={offset + part.rows.length >= part.total || part.rows.length === 0} onClick={() => setOffset(offset + PAGE)}>
          Next
        </button>
      </p>
    </>
  );
}

/** The columns to show: a key is left out where the name beside it says the same to people. */
function columnsOf(rows: Line[]): string[] {
  const all = [...new Set(rows.flatMap(Object.keys))].filter((each) => rows.some((line) => line[each] !== null && line[each] !== ""));
  return all.filter((each) => {
    if (each === "key") return !all.includes("name");
    return !all.includes(`${each}_name`);
  });
}

function textOf(line: Line, column: string): string {
  const value = line[column];
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
  const key = (line.left ?? line.key) as string | undefined;
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
