// Labels as IRIs, by the rule of the library: an IRI stays, any other label follows "urn:mmkg:", percent-encoded.

const OURS = "urn:mmkg:";
const ABSOLUTE = /^[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~!$&'()*+,;=:@/?#[\]-]|[\u00a0-\ud7ff\uf900-\ufdcf\ufdf0-\uffef]|[\u{10000}-\u{efffd}]|%[0-9A-Fa-f]{2})*$/u;
const BLANK = /^_:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_-])?$/;

export function toIri(label: string): string {
  return ABSOLUTE.test(label) && !label.startsWith(OURS) ? label : OURS + encoded(label);
}

/** A label as a term of N-Triples: a blank node stays, any other label becomes an IRI. */
export function termOf(label: string): string {
  return BLANK.test(label) ? label : `<${toIri(label)}>`;
}

/** The address of an entity, if a browser may open it. */
export function addressOf(key: string): string | null {
  return /^https?:\/\//i.test(key) && ABSOLUTE.test(key) ? key : null;
}

function encoded(label: string): string {
  return encodeURIComponent(label.toWellFormed()).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}
