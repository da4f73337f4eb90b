// The configuration of the run, folded.
import type { Summary } from "../types";
import { worded } from "../words";

export function Configuration({ summary }: { summary: Summary }) {
  const rows = flat(summary.configuration);
  return (
    <section id="configuration" class="panel" aria-labelledby="configuration-title" tabIndex={-1}>
      <h2 id="configuration-title">Configuration</h2>
      <details>
        <summary>{rows.length} settings, mmkg {summary.version}</summary>
        <dl class="settings">
          {rows.map(([name, text]) => [<dt key={name}>{worded(name)}</dt>, <dd key={`${name}.`}>{text}</dd>])}
        </dl>
      </details>
    </section>
  );
}

function flat(value: Record<string, unknown>, before = ""): [string, string][] {
  return Object.entries(value).flatMap(([name, inner]): [string, string][] => {
    const path = before ? `${before}.${name}` : name;
    if (inner !== null && typeof inner === "object" && !Array.isArray(inner)) return flat(inner as Record<string, unknown>, path);
    return [[path, Array.isArray(inner) ? inner.join(", ") : inner === null ? "–" : String(inner)]];
  });
}
