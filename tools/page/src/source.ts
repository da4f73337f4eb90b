// Where the page gets its data: a server, or the data inside the page. Views know only this interface.
import { LiveSource } from "./live";
import { type ReportData, StaticSource } from "./static";
import type { Decision, Detail, GraphMap, NewDecision, Part, Query, Row, Summary, Training, Trust } from "./types";

export interface Download {
  name: string;
  title: string;
}

export const DOWNLOADS: Download[] = [
  { name: "matches.tsv", title: "TSV" },
  { name: "matches.sssom.tsv", title: "SSSOM" },
  { name: "matches.nt", title: "N-Triples" },
  { name: "decisions.sssom.tsv", title: "Decisions" },
];

export interface Source {
  readonly live: boolean;
  /** Whether it knows which answers would help. */
  readonly asks: boolean;
  summary(): Promise<Summary>;
  matches(query: Query, offset: number, limit: number): Promise<Part<Row>>;
  /** The rows of some entities of the left graph, in the order of the list; at most the first 1,000 entities count. */
  rowsOf(left: string[]): Promise<Row[]>;
  match(row: Row): Promise<Detail | null>;
  trust(): Promise<Trust>;
  map(): Promise<GraphMap>;
  list(name: string, offset: number, limit: number): Promise<Part<Record<string, unknown>>>;
  training(): Promise<Training>;
  /** The pairs whose answers would help most. */
  ask(budget: number): Promise<Row[]>;
  decisions(): Promise<Decision[]>;
  decide(decision: NewDecision): Promise<Decision>;
  /** Take a decision back: the named one, else the last. */
  undo(id: Decision["id"] | null): Promise<Decision | null>;
  download(name: string): Promise<void>;
}

/** The data inside the page; null where a server sends them. */
export function inside<T>(): T | null {
  return JSON.parse(document.getElementById("mmkg-data")?.textContent ?? "null") as T | null;
}

export function open(data: ReportData | null): Source {
  return data === null ? new LiveSource() : new StaticSource(data);
}
