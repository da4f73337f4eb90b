// The page as a report: its data are inside it, decisions stay in the browser until they are downloaded.
import { matchesAsTriples, matchesAsTsv, saved } from "./files";
import { selected } from "./filter";
import { asRow, type Question } from "./live";
import type { Source } from "./source";
import { decisionsAsSssom, matchesAsSssom } from "./sssom";
import {
  type Decision,
  type Detail,
  type GraphMap,
  idOf,
  type NewDecision,
  type Part,
  type Query,
  type Row,
  type Summary,
  type Training,
  type Trust,
} from "./types";

export interface ReportData {
  summary: Summary;
  matches: Part<Row>;
  /** By the key of the left entity. */
  details: Record<string, Detail>;
  /** Of right entities without a counterpart, by their key. */
  right_details?: Record<string, Detail>;
  trust: Trust;
  map: GraphMap;
  /** Those of entities without a counterpart hold rows of the list of matches. */
  lists: Record<string, Part<Record<string, unknown>>>;
  training: Training;
  ask?: { rows: Question[] };
}

export class StaticSource implements Source {
  readonly live = false;
  readonly asks: boolean;
  private readonly made: Decision[];
  private readonly store: string;
  private readonly rows: Row[];
  private last: { key: string; rows: Row[] } | null = null;

  constructor(private readonly data: ReportData) {
    const { name, num_left, num_right, counts } = data.summary;
    this.store = `mmkg decisions ${name} ${num_left} ${num_right} ${Object.values(counts).join(" ")}`;
    this.made = restored(this.store);
    this.asks = data.ask !== undefined;
    const alone = [data.lists.unmatched_left, data.lists.unmatched_right] as (Part<Row> | undefined)[];
    this.rows = [data.matches, ...alone].flatMap((part) => part?.rows ?? []);
  }

  async summary(): Promise<Summary> {
    return this.data.summary;
  }

  async matches(query: Query, offset: number, limit: number): Promise<Part<Row>> {
    const key = JSON.stringify(query);
    if (this.last?.key !== key) this.last = { key, rows: selected(this.decided(), query, this.data.summary) };
    const { rows } = this.last;
    return { total: rows.length, rows: rows.slice(offset, offset + limit) };
  }

  async rowsOf(left: string[]): Promise<Row[]> {
    const wanted = new Set(left.slice(0, 1000));
    return this.decided().filter((row) => row.left !== null && wanted.has(row.left));
  }

  async match(row: Row): Promise<Detail | null> {
    const details = row.left === null ? this.data.right_details : this.data.details;
    const detail = details?.[row.left ?? row.right ?? ""];
    return detail === undefined ? null : { ...detail, decision: this.decisionOf(row) ?? detail.decision };
  }

  async trust(): Promise<Trust> {
    return this.data.trust;
  }

  async map(): Promise<GraphMap> {
    return this.data.map;
  }

  async list(name: string, offset: number, limit: number): Promise<Part<Record<string, unknown>>> {
    const list = this.data.lists[name] ?? { total: 0, rows: [] };
    return { ...list, rows: list.rows.slice(offset, offset + limit) };
  }

  async training(): Promise<Training> {
    return this.data.training;
  }

  async ask(budget: number): Promise<Row[]> {
    return (this.data.ask?.rows ?? []).slice(0, budget).map(asRow);
  }

  async decisions(): Promise<Decision[]> {
    return this.made;
  }

  async decide(decision: NewDecision): Promise<Decision> {
    const made = { ...decision, id: this.made.length + 1, date: new Date().toISOString(), undone: false };
    this.made.push(made);
    this.keep();
    return made;
  }

  async undo(id: Decision["id"] | null): Promise<Decision | null> {
    const last = this.made.findLast((each) => !each.undone && (id === null || each.id === id));
    if (last) last.undone = true;
    this.keep();
    return last ?? null;
  }

  async download(name: string): Promise<void> {
    const rows = this.decided().filter((row) => row.kind === "match" || row.kind === "known");
    const names = new Map(this.rows.map((row) => [idOf(row), row]));
    const write: Record<string, () => string> = {
      "matches.tsv": () => matchesAsTsv(rows),
      "matches.sssom.tsv": () => matchesAsSssom(rows),
      "matches.nt": () => matchesAsTriples(rows),
      "decisions.sssom.tsv": () => decisionsAsSssom(this.made.filter((each) => !each.undone), names),
    };
    saved(name, write[name]!());
  }

  private decisionOf(row: Row): Decision | null {
    return this.made.findLast((each) => !each.undone && idOf({ ...each, right: row.right }) === idOf(row)) ?? null;
  }

  /** All rows, with what was decided in this page. */
  private decided(): Row[] {
    const last = new Map<string, Decision>();
    for (const each of this.made) if (!each.undone) last.set(idOf(each), each);
    if (last.size === 0) return this.rows;
    return this.rows.map((row) => {
      const decision = last.get(idOf(row));
      return decision ? { ...row, verdict: decision.verdict, decided_right: decision.right } : row;
    });
  }

  private keep(): void {
    this.last = null;
    try {
      localStorage.setItem(this.store, JSON.stringify(this.made));
    } catch {
      // Without storage, decisions last as long as the page is open; they can still be downloaded.
    }
  }
}

function restored(store: string): Decision[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(store) ?? "[]");
    return Array.isArray(kept) ? (kept as Decision[]) : [];
  } catch {
    return [];
  }
}
