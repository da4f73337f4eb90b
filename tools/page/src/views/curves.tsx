// A page of curves and their figures, instead of a run: what `mmkg sentiment sweep` writes.
import { useEffect } from "preact/hooks";
import type { Training } from "../types";
import { Curve } from "./training";

export interface CurvesData {
  kind: "curves";
  title: string;
  subtitle: string;
  curves: Training["curves"];
  /** The values as text that lines up in columns. */
  table: string;
}

export function Curves({ data }: { data: CurvesData }) {
  useEffect(() => {
    document.title = data.title;
  }, [data]);
  return (
    <main class="curves">
      <h1>{data.title}</h1>
      <p class="soft">{data.subtitle}</p>
      {data.curves.length > 0 && (
        <section class="panel" aria-labelledby="curves-title">
          <h2 id="curves-title">Curves</h2>
          <div class="charts">
            {data.curves.map((curve) => (
              <Curve key={curve.name} curve={curve} />
            ))}
          </div>
        </section>
      )}
      <section class="panel" aria-labelledby="figures-title">
        <h2 id="figures-title">Figures</h2>
        <pre class="scroll" tabIndex={0}>{data.table}</pre>
      </section>
    </main>
  );
}
