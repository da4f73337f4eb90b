// What the page reads: the answers of the server, which a report holds as JSON.

export type Side = "left" | "right";
export const OTHER_SIDE: Record<Side, Side> = { left: "right", right: "left" };
export type Verdict = "accept" | "reject" | "no_counterpart";

export interface Part<T> {
  total: number;
  rows: T[];
  /** Why a list is not there. */
  left_out?: string;
}

export interface Named {
  key: string;
  name: string;
}

export interface Candidate extends Named {
  score: number;
  confidence?: number | null;
}

export interface Points {
  name: string;
  points: number;
}

export interface Counts {
  known?: number;
  sure: number;
  to_check: number;
  left_without: number;
  right_without: number;
}

export interface Threshold extends Counts {
  threshold: number;
  expected_precision: number | null;
}

export interface Bin {
  low: number;
  high: number;
  count: number;
}

export interface Sampled {
  shown: number;
  total: number;
  text?: string;
}

export interface Summary {
  name: string;
  text: string;
  counts: Counts;
  /** Least confidence of a link. */
  threshold: number | null;
  /** Least confidence of a link that is sure. */
  same_as: number;
  precision: { expected: number; low: number | null; high: number | null } | null;
  judged: boolean;
  /** Which links the figures are about: test, validation, or known links that were held out in turn. */
  judged_on?: string | null;
  metrics: { direction: string; name: string; value: number }[];
  protocol: [string, unknown][];
  configuration: Record<string, unknown>;
  thresholds: Threshold[];
  histogram: Bin[];
  modalities: { name: string; colour: string; dark?: string }[];
  types: string[];
  num_left: number;
  num_right: number;
  read_only: boolean;
  calibrated: string;
  sampled: Sampled | null;
  pictures: boolean;
  version: string;
}

export interface Row {
  left: string | null;
  right: string | null;
  left_name: string | null;
  right_name: string | null;
  confidence: number | null;
  margin: number | null;
  score: number | null;
  shares: Record<string, number>;
  disagrees?: string[];
  kind: "match" | "known" | "left" | "right";
  sure: boolean;
  /** Whether it is a link at the threshold of the run, whatever its confidence. */
  kept?: boolean;
  judged?: "right" | "wrong" | null;
  type: string | null;
  verdict: Verdict | null;
  decided_right?: string | null;
  nearest?: Candidate | null;
  why?: string;
}

export interface Card extends Named {
  names: string[];
  types: string[];
  pictures: string[];
  degree: number | null;
}

export interface Value {
  attribute: string;
  value: string;
}

export interface Neighbour extends Named {
  relation: string;
  inverse: boolean;
}

export interface Detail {
  left: Card | null;
  right: Card | null;
  score: number | null;
  confidence: number | null;
  margin: number | null;
  waterfall: Points[];
  rules: string[];
  runner_up: (Candidate & { lacks: Points[] }) | null;
  candidates: Candidate[];
  attributes_left_out?: number;
  neighbours_left_out?: number;
  attributes: { left: Value | null; right: Value | null; state: "equal" | "near" | "different" | Side }[];
  neighbours: { left: Neighbour | null; right: Neighbour | null; matched: boolean }[];
  decision: Decision | null;
}

export interface Decision {
  id: number | string;
  left: string | null;
  right: string | null;
  verdict: Verdict;
  author: string;
  date: string;
  comment: string;
  undone: boolean;
}

export type NewDecision = Pick<Decision, "left" | "right" | "verdict" | "comment" | "author">;

export interface Trust {
  reliability: { low: number; high: number; mean: number; right: number; count: number }[];
  curve: { threshold: number; precision: number; recall: number }[];
  histogram: Bin[];
  /** Which links judge it. */
  source?: string;
}

export interface MapPoint extends Named {
  side: Side;
  x: number;
  y: number;
}

export interface GraphMap {
  points: MapPoint[];
  links: [number, number][];
  sampled: Sampled | null;
  method: string;
}

export interface Training {
  curves: { name: string; axis?: string; x: number[]; y: number[]; chosen: number | null; unit: string }[];
}

export type Order = "least_sure" | "score" | "label";
export type State = "" | "open" | "decided" | "accepted" | "rejected";

export interface Query {
  show: "matched" | Side;
  group: "" | "sure" | "to_check";
  threshold: number | null;
  known: boolean;
  text: string;
  order: Order;
  state: State;
  minConfidence: number | null;
  maxConfidence: number | null;
  minMargin: number | null;
  maxMargin: number | null;
  type: string;
  disagrees: string;
}

export const ANY: Query = {
  show: "matched",
  group: "",
  threshold: null,
  known: true,
  text: "",
  order: "least_sure",
  state: "open",
  minConfidence: null,
  maxConfidence: null,
  minMargin: null,
  maxMargin: null,
  type: "",
  disagrees: "",
};

/** A row is known by its left entity, an entity of the right graph without a match by its own. */
export function idOf(row: { left: string | null; right: string | null }): string {
  return row.left ?? `> ${row.right}`;
}
