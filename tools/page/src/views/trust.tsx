// How far confidence can be trusted: judged by held-out links.
import * as Plot from "@observablehq/plot";
import { useLazy } from "../lazy";
import { Chart } from "../plot";
import { useSettled } from "../settled";
import type { Source } from "../source";
import type { Summary, Trust as TrustData } from "../types";
import { count, percent } from "../words";

interface Props {
  source: Source;
  threshold: number | null;
  summary: Summary;
}

const SHARE = { domain: [0, 1], tickFormat: (value: number) => `${Math.round(100 * value)}`, ticks: 5 };

export function Trust({ source, threshold: moving, summary }: Props) {
  const threshold = useSettled(moving);
  const { data, problem, place } = useLazy(source, () => source.trust());
  const histogram = data?.histogram.length ? data.histogram : summary.histogram;
  return (
    <section id="trust" class="panel" ref={place} aria-labelledby="trust-title" tabIndex={-1}>
      <h2 id="trust-title">Trust</h2>
      {problem && <p class="problem" role="alert">{problem}</p>}
      {data && (
        <div class="charts">
          <Reliability data={data} />
          <Curve data={data} threshold={threshold} />
          <Histogram bins={histogram} threshold={threshold} />
        </div>
      )}
    </section>
  );
}

function Reliability({ data }: { data: TrustData }) {
  const bins = data.reliability.filter((bin) => bin.count > 0);
  return (
    <figure>
      <figcaption>
        <b>Confidence and what is right</b> Matches of {data.source || "held-out links"}, in per cent; on the diagonal, confidence means
        what it says. Numbers count the matches.
      </figcaption>
      {bins.length === 0 ? (
        <p class="empty">No links were held out, so that nobody knows how many of the links of a confidence are right.</p>
      ) : (
        <Chart
          label={bins.map((bin) => `confidence ${percent(bin.mean)}: ${percent(bin.right)} of ${bin.count} right`).join("; ")}
          height={260}
          deps={[data]}
          draw={() => ({
            marginTop: 28,
            x: { ...SHARE, label: "confidence, %" },
            y: { ...SHARE, label: "right, %", grid: true },
            marks: [
              Plot.line([[0, 0], [1, 1]], { stroke: "var(--soft)", strokeDasharray: "4 4" }),
              Plot.rectY(bins, { x1: "low", x2: "high", y: "right", fill: "var(--accent)", fillOpacity: 0.18, insetLeft: 1, insetRight: 1 }),
              Plot.dot(bins, { x: "mean", y: "right", fill: "var(--accent)", r: 4 }),
              Plot.text(bins, { x: "mean", y: "right", text: (bin) => count(bin.count), dy: -11, fill: "var(--soft)" }),
            ],
          })}
        />
      )}
    </figure>
  );
}

function Curve({ data, threshold }: { data: TrustData; threshold: number | null }) {
  const last = data.curve.at(-1);
  return (
    <figure>
      <figcaption>
        <b>
          <span class="accent">Precision</span> and <span class="second">recall (dashed)</span> over the threshold
        </b>{" "}
        Of {data.source || "held-out links"}, in per cent.
      </figcaption>
      {last === undefined ? (
        <p class="empty">Not judged: no links were held out to count right and missed ones.</p>
      ) : (
        <Chart
          label={`Precision and recall over the threshold; at the last, ${percent(last.threshold)}, precision ${percent(last.precision)}, recall ${percent(last.recall)}`}
          height={260}
          deps={[data, threshold]}
          draw={() => ({
            marginTop: 28,
            x: { ...SHARE, label: "threshold, %" },
            y: { ...SHARE, label: "%", grid: true },
            marks: [
              threshold === null ? null : Plot.ruleX([threshold], { stroke: "var(--soft)", strokeDasharray: "4 4" }),
              Plot.line(data.curve, { x: "threshold", y: "precision", stroke: "var(--accent)", strokeWidth: 2 }),
              Plot.line(data.curve, { x: "threshold", y: "recall", stroke: "var(--second)", strokeWidth: 2, strokeDasharray: "6 3" }),
            ],
          })}
        />
      )}
    </figure>
  );
}

function Histogram({ bins, threshold }: { bins: TrustData["histogram"]; threshold: number | null }) {
  return (
    <figure>
      <figcaption>
        <b>Matches by confidence</b> Number of matches; the dashed line is the threshold.
      </figcaption>
      {bins.length === 0 ? (
        <p class="empty">Matches of this run have no confidence: it was not calibrated.</p>
      ) : (
        <Chart
          label={bins.filter((bin) => bin.count > 0).map((bin) => `${percent(bin.low)} to ${percent(bin.high)}: ${bin.count}`).join("; ")}
          height={260}
          deps={[bins, threshold]}
          draw={() => ({
            marginTop: 28,
            x: { ...SHARE, label: "confidence, %" },
            y: { label: "matches", grid: true, ticks: 5 },
            marks: [
              Plot.rectY(bins, { x1: "low", x2: "high", y: "count", fill: "var(--accent)", insetLeft: 0.5, insetRight: 0.5 }),
              threshold === null ? null : Plot.ruleX([threshold], { stroke: "var(--soft)", strokeDasharray: "4 4" }),
              Plot.ruleY([0], { stroke: "var(--line)" }),
            ],
          })}
        />
      )}
    </figure>
  );
}
