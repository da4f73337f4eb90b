// The page as `mmkg serve` shows it: every view is an address of its HTTP interface.
import type { Source } from "./source";
import type { Decision, Detail, GraphMap, NewDecision, Part, Query, Row, Summary, Training, Trust } from "./types";

const BASE = "api/v1/";
const TIMEOUT = 90_000;

export class LiveSource implements Source {
  readonly live = true;
  readonly asks = true;
  private readonly token = document.querySelector<HTMLMetaElement>('meta[name="mmkg-token"]')?.content ?? "";

  private async get<T>(path: string, parameters: Record<string, string | number | null> = {}): Promise<T> {
    const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== "");
    const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
    return this.send<T>(query ? `${path}?${query}` : path, {});
  }

  private async post<T>(path: string, body: unknown): Promise<T> {
    const headers = { "Content-Type": "application/json", "X-MMKG-Token": this.token };
    return this.send<T>(path, { method: "POST", headers, body: JSON.stringify(body) });
  }

  /** What a server computes once, as the map, is requested again while it is not ready. */
  private async send<T>(path: string, options: RequestInit, tries = 150): Promise<T> {
    let response: Response;
    try {
      response = await fetch(BASE + path, { ...options, signal: AbortSignal.timeout(TIMEOUT) });
    } catch {
      throw new Error("The server does not answer. Start mmkg serve again, then reload the page.");
    }
    const wait = Number(response.headers.get("Retry-After"));
    if (response.status === 503 && wait > 0 && tries > 0) {
      await new Promise((done) => setTimeout(done, 1000 * Math.min(wait, 10)));
      return this.send(path, options, tries - 1);
    }
    const answer = (await response.json().catch(() => null)) as { error?: string } | null;
    if (!response.ok) throw new Error(answer?.error ?? `The server answered with status ${response.status}.`);
    return answer as T;
  }

  summary(): Promise<Summary> {
    return this.get("summary");
  }

  matches(query: Query, offset: number, limit: number): Promise<Part<Row>> {
    return this.get("matches", {
      query: query.text,
      order: query.order,
      state: query.state,
      show: query.show,
      group: query.group,
      threshold: query.threshold,
      known: query.known ? null : "false",
      min_confidence: query.minConfidence,
      max_confidence: query.maxConfidence,
      min_margin: query.minMargin,
      max_margin: query.maxMargin,
      type: query.type,
      disagrees: query.disagrees,
      offset,
      limit,
    });
  }

  async rowsOf(left: string[]): Promise<Row[]> {
    return (await this.post<{ rows: Row[] }>("lookup", { side: "left", keys: left.slice(0, 1000) })).rows;
  }

  match(row: Row): Promise<Detail | null> {
    return row.left === null
      ? this.get("match", { right: row.right })
      : this.get("match", { left: row.left, right: row.right });
  }

  trust(): Promise<Trust> {
    return this.get("trust");
  }

  map(): Promise<GraphMap> {
    return this.get("map");
  }

  list(name: string, offset: number, limit: number): Promise<Part<Record<string, unknown>>> {
    return this.get(`lists/${name}`, { offset, limit });
  }

  training(): Promise<Training> {
    return this.get("training");
  }

  async ask(budget: number): Promise<Row[]> {
    const { rows } = await this.get<{ rows: Question[] }>("ask", { budget });
    return rows.map(asRow);
  }

  async decisions(): Promise<Decision[]> {
    return (await this.get<Part<Decision>>("decisions")).rows;
  }

  decide(decision: NewDecision): Promise<Decision> {
    return this.post("decisions", decision);
  }

  async undo(id: Decision["id"] | null): Promise<Decision | null> {
    return (await this.post<{ undone: Decision | null }>("decisions/undo", id === null ? {} : { id })).undone;
  }

  async download(name: string): Promise<void> {
    const link = document.createElement("a");
    link.href = `${BASE}download/${name}`;
    link.download = name;
    link.click();
  }
}

export interface Question {
  left: string;
  right: string | null;
  left_name?: string;
  right_name?: string;
  confidence?: number | null;
  margin?: number | null;
  gain: number;
  why: string;
}

/** A question as a row of the list. */
export function asRow(question: Question): Row {
  return {
    left: question.left,
    right: question.right,
    left_name: question.left_name ?? question.left,
    right_name: question.right_name ?? question.right,
    confidence: question.confidence ?? null,
    margin: question.margin ?? null,
    score: null,
    shares: {},
    kind: "match",
    sure: false,
    type: null,
    verdict: null,
    why: question.why,
  };
}
