// The curves of training, with the chosen epoch marked.
import * as Plot from "@observablehq/plot";
import { useLazy } from "../lazy";
import { Chart } from "../plot";
import type { Source } from "../source";
import type { Training as TrainingData } from "../types";
import { worded } from "../words";

export function Training({ source }: { source: Source }) {
  const { data, problem, place } = useLazy(source, () => source.training());
  return (
    <section id="training" class="panel" ref={place} aria-labelledby="training-title" tabIndex={-1}>
      <h2 id="training-title">Training</h2>
      {problem && <p class="problem" role="alert">{problem}</p>}
      {data?.curves.length === 0 && <p class="empty">This run keeps no history: its embeddings were not trained step by step.</p>}
      <div class="charts">
        {data?.curves.map((curve) => (
          <Curve key={`${curve.name} ${curve.axis}`} curve={curve} />
        ))}
      </div>
    </section>
  );
}

export function Curve({ curve }: { curve: TrainingData["curves"][number] }) {
  const line = curve.x.map((x, place) => ({ x, y: curve.y[place] ?? Number.NaN }));
  const best = line.find((each) => each.x === curve.chosen);
  const axis = curve.axis ?? "epoch";
  const bounded = curve.unit === "mrr";
  return (
    <figure>
      <figcaption>
        <b>{worded(curve.name)}</b>
        {best && ` Chosen: ${axis} ${best.x}, ${best.y.toFixed(3)}.`}
      </figcaption>
      <Chart
        label={`${worded(curve.name)}: ${line.length} values, the last ${line.at(-1)?.y.toFixed(3) ?? "unknown"}${best ? `, chosen at ${best.x}` : ""}`}
        height={220}
        deps={[curve]}
        draw={() => ({
          marginTop: 28,
          marginLeft: 48,
          x: { label: axis, ticks: Math.min(6, line.length) },
          y: { label: bounded ? "MRR" : curve.unit, grid: true, ticks: 5, ...(bounded ? { domain: [0, 1] } : { nice: true }) },
          marks: [
            best ? Plot.ruleX([best.x], { stroke: "var(--soft)", strokeDasharray: "4 4" }) : null,
            Plot.line(line, { x: "x", y: "y", stroke: "var(--accent)", strokeWidth: 2 }),
            best ? Plot.dot([best], { x: "x", y: "y", fill: "var(--accent)", r: 4 }) : null,
          ],
        })}
      />
    </figure>
  );
}
