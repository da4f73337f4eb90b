// The list of a report: the rows that a query selects, in its order.
import { idOf, OTHER_SIDE, type Query, type Row, type Side, type Summary } from "./types";

const VERDICTS: Record<string, (row: Row) => boolean> = {
  open: (row) => row.verdict === null,
  decided: (row) => row.verdict !== null,
  accepted: (row) => row.verdict === "accept",
  rejected: (row) => row.verdict === "reject" || row.verdict === "no_counterpart",
};

export function selected(rows: Row[], query: Query, summary: Summary): Row[] {
  const words = query.text.toLowerCase().split(/\s+/).filter(Boolean);
  const matched = (row: Row) => row.left !== null && row.right !== null;
  const shown = query.show === "matched" ? rows.filter(matched) : alone(rows, query.show, query.threshold, summary);
  const found = shown.filter((row) => {
    if (!query.known && row.kind === "known") return false;
    if (query.group && groupOf(row, query.threshold, summary) !== query.group) return false;
    if (query.state && !VERDICTS[query.state]!(row)) return false;
    if (query.type && row.type !== query.type) return false;
    if (query.disagrees && !disagreeing(row).includes(query.disagrees)) return false;
    if (!between(row.confidence, query.minConfidence, query.maxConfidence)) return false;
    if (!between(row.margin, query.minMargin, query.maxMargin)) return false;
    if (words.length === 0) return true;
    const text = [row.left_name, row.right_name, row.left, row.right].join("\n").toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const order = query.show !== "matched" && query.order !== "label" ? ORDERS.most_sure : ORDERS[query.order];
  return found.sort(order);
}

/** The entities of a side in no link at a threshold; one whose match is below it is near to that match. */
function alone(rows: Row[], side: Side, threshold: number | null, summary: Summary): Row[] {
  const other = OTHER_SIDE[side];
  const linked = new Set<string | null>();
  for (const row of rows) if (row.kind === "known" || groupOf(row, threshold, summary) !== null) linked.add(row[side]);
  const found = new Map<string | null, Row>();
  for (const row of rows) {
    if (linked.has(row[side]) || row[side] === null || (row.kind !== "match" && row.kind !== side)) continue;
    const key = row[other];
    if (row.kind === side) found.set(row[side], row);
    else if (!found.has(row[side])) {
      const nearest = { key: key!, name: row[`${other}_name`] ?? key!, score: row.score ?? 0 };
      found.set(row[side], { ...row, [other]: null, [`${other}_name`]: null, kind: side, nearest });
    }
  }
  return [...found.values()];
}

/** Whether a match is a sure link or a link to check at a threshold; null for one that is no link, or known. */
export function groupOf(row: Row, threshold: number | null, summary: Summary): "sure" | "to_check" | null {
  if (row.kind !== "match") return null;
  const least = threshold ?? summary.threshold ?? 0;
  const confidence = row.confidence ?? 0;
  if (row.confidence !== null && confidence >= Math.max(least, summary.same_as)) return "sure";
  const belief = row.kept ? Math.max(confidence, summary.threshold ?? 0) : confidence;
  return belief >= least || row.confidence === null ? "to_check" : null;
}

/** Modalities that speak against a match: those that were counted as such, else those that take points away. */
export function disagreeing(row: Row): string[] {
  return row.disagrees ?? Object.keys(row.shares).filter((name) => row.shares[name]! <= 0);
}

/** Rows without a number are left out as soon as a bound is given. */
function between(value: number | null, low: number | null, high: number | null): boolean {
  if (low === null && high === null) return true;
  return value !== null && value >= (low ?? -Infinity) && value <= (high ?? Infinity);
}

const number = (value: number | null | undefined) => value ?? -Infinity;
const name = (row: Row) => row.left_name ?? row.right_name ?? idOf(row);

const ORDERS: Record<Query["order"] | "most_sure", (a: Row, b: Row) => number> = {
  most_sure: (a, b) => number(b.confidence) - number(a.confidence) || number(b.score) - number(a.score) || 0,
  least_sure: (a, b) => number(a.confidence) - number(b.confidence) || number(a.score) - number(b.score) || 0,
  score: (a, b) => number(b.score) - number(a.score) || 0,
  label: (a, b) => name(a).localeCompare(name(b)),
};
