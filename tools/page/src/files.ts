// Files that a report writes itself: matches as TSV and N-Triples.
import { termOf } from "./iri";
import type { Row } from "./types";

const ESCAPES: Record<string, string> = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r" };

/** A field of TSV; one that a spreadsheet would take for a formula begins with a backslash. */
function field(text: string | null): string {
  const escaped = (text ?? "").replace(/[\\\t\n\r]/g, (c) => ESCAPES[c]!);
  return /^[=+\-@'"]/.test(escaped) ? `\\${escaped}` : escaped;
}

export function numberText(value: number | null): string {
  return value === null ? "" : String(Number(value.toPrecision(9)));
}

export function matchesAsTsv(rows: Row[]): string {
  const lines = rows.map((row) =>
    [
      field(row.left),
      field(row.right),
      numberText(row.score),
      numberText(row.confidence),
      field(row.left_name),
      field(row.right_name),
    ].join("\t"),
  );
  return `${["left\tright\tscore\tconfidence\tleft_label\tright_label", ...lines].join("\n")}\n`;
}

export function matchesAsTriples(rows: Row[]): string {
  const same = "<http://www.w3.org/2002/07/owl#sameAs>";
  return rows.map((row) => `${termOf(row.left!)} ${same} ${termOf(row.right!)} .\n`).join("");
}

export function saved(name: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
