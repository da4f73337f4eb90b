// Numbers and counts as texts.
import type { Counts, Row, Verdict } from "./types";

const whole = new Intl.NumberFormat("en-US");

export function count(value: number): string {
  return whole.format(value);
}

export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** A share as per cent; 100 % is said of all only, 0 % of none. */
export function percent(share: number | null | undefined, digits = 0): string {
  if (share === null || share === undefined) return "–";
  const step = 10 ** -digits;
  let value = Math.round((100 * share) / step) * step;
  if (share < 1 && value >= 100) value = 100 - step;
  if (share > 0 && value <= 0) value = step;
  return `${value.toFixed(digits)} %`;
}

export function points(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(1)}`;
}

export function fixed(value: number | null | undefined, digits: number): string {
  return value === null || value === undefined ? "–" : value.toFixed(digits);
}

export function headline(counts: Counts, calibrated: boolean): string {
  const found = calibrated
    ? `${counted(counts.sure, "sure link")}, ${count(counts.to_check)} to check`
    : `${counted(counts.to_check, "match", "matches")} without a confidence, to check`;
  return `${found}, ${count(counts.left_without)} left and ${count(counts.right_without)} right without a counterpart`;
}

/** A text that begins with a capital letter and ends with a full stop. */
export function sentence(text: string): string {
  return text && `${text[0]!.toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}

export const VERDICTS: Record<Verdict, string> = {
  accept: "accepted",
  reject: "rejected",
  no_counterpart: "no counterpart",
};

export function nameOf(row: Row): string {
  const left = row.left_name ?? row.left;
  const right = row.right_name ?? row.right;
  if (left === null || right === null) return left ?? right ?? "";
  return `${left} and ${right}`;
}

export function worded(name: string): string {
  return name.replaceAll("_", " ");
}
