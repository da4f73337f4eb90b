// Matches and decisions as mapping sets of SSSOM 1.0, https://mapping-commons.github.io/sssom/spec-formats-tsv/.
import { numberText } from "./files";
import { toIri } from "./iri";
import { type Decision, idOf, type Row } from "./types";

const NO_TERM = "sssom:NoTermFound";
const NAMESPACE = /^([A-Za-z][A-Za-z0-9+.-]*:(?:\/\/(?:[^/?#]*\/(?:[^/?#]+[/#])?)?|(?:[^:/?#]+:)?)?)(.+)$/s;

type Fields = Record<string, string>;

export function matchesAsSssom(rows: Row[]): string {
  return mappingSet("matches", (curie) =>
    rows.map((row) => ({
      subject_id: curie(row.left),
      subject_label: row.left_name ?? "",
      predicate_id: "owl:sameAs",
      object_id: curie(row.right),
      object_label: row.right_name ?? "",
      mapping_justification: "semapv:SemanticSimilarityThresholdMatching",
      confidence: numberText(row.confidence),
    })),
  );
}

/** The last word on each pair; rejected pairs carry the modifier Not. */
export function decisionsAsSssom(decisions: Decision[], rows: Map<string, Row>): string {
  const rights = new Map([...rows.values()].map((row) => [row.right, row.right_name]));
  return mappingSet("decisions", (curie) =>
    decisions.map((each) => ({
      subject_id: curie(each.left),
      subject_label: each.left === null ? "" : (rows.get(idOf(each))?.left_name ?? ""),
      predicate_id: "owl:sameAs",
      predicate_modifier: each.verdict === "reject" ? "Not" : "",
      object_id: curie(each.verdict === "no_counterpart" && each.left !== null ? null : each.right),
      object_label: each.verdict === "no_counterpart" && each.left !== null ? "" : (rights.get(each.right) ?? ""),
      mapping_justification: "semapv:ManualMappingCuration",
      author_id: each.author,
      mapping_date: each.date.slice(0, 10),
      comment: each.comment,
    })),
  );
}

function mappingSet(name: string, rowsOf: (curie: (label: string | null) => string) => Fields[]): string {
  const prefixes = new Map<string, string>();
  const curie = (label: string | null): string => {
    if (label === null) return NO_TERM;
    const iri = toIri(label);
    const [, namespace = iri, rest = ""] = NAMESPACE.exec(iri) ?? [];
    const prefix = prefixes.get(namespace) ?? `ns${prefixes.size + 1}`;
    prefixes.set(namespace, prefix);
    return `${prefix}:${rest}`;
  };
  const rows = rowsOf(curie);
  const columns = Object.keys(rows[0] ?? { subject_id: "", predicate_id: "", object_id: "", mapping_justification: "" });
  const head = [
    prefixes.size ? "#curie_map:" : "#curie_map: {}",
    ...[...prefixes].map(([namespace, prefix]) => `#  ${prefix}: ${JSON.stringify(namespace)}`),
    `#mapping_set_id: "urn:mmkg:${name}"`,
    "#license: https://w3id.org/sssom/license/unspecified",
    '#mapping_tool: "mmkg"',
  ];
  const lines = rows.map((row) => columns.map((column) => quoted(row[column] ?? "")).join("\t"));
  return `${[...head, columns.join("\t"), ...lines].join("\n")}\n`;
}

function quoted(text: string): string {
  return /[\t\n\r"]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
