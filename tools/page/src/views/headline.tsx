// The first thing to see: how many links are sure at a threshold that can be moved, and how good they are expected to be.
import * as Plot from "@observablehq/plot";
import { Chart } from "../plot";
import type { Review } from "../review";
import { DOWNLOADS } from "../source";
import type { Counts, Summary } from "../types";
import { count, counted, fixed, headline, percent, sentence, worded } from "../words";

export function Headline({ review }: { review: Review }) {
  const { summary } = review;
  const { counts } = standOf(review);
  const parts = headline(counts, isCalibrated(summary)).split(/(\d[\d,]*)/);
  const { known } = summary.counts;
  return (
    <section class="headline" aria-labelledby="headline">
      <h1 id="headline">{parts.map((part, place) => (place % 2 ? <b key={place}>{part}</b> : part))}</h1>
      {known !== undefined && known > 0 && <p class="soft">beside {counted(known, "known link")} that the run was given</p>}
      <div class="columns">
        <ThresholdSlider review={review} />
        <Precision review={review} />
        <Figures summary={summary} />
      </div>
      <Downloads review={review} />
    </section>
  );
}

export function isCalibrated(summary: Summary): boolean {
  return summary.threshold !== null && summary.thresholds.length > 1;
}

/** What holds at the threshold that is set: the counts of the run itself, or those of the nearest step of the slider. */
export function standOf({ summary, threshold }: Review): { own: boolean; step: number; counts: Counts; expected: number | null } {
  const distances = summary.thresholds.map((each) => Math.abs(each.threshold - (threshold ?? 0)));
  const step = distances.indexOf(Math.min(...distances));
  const own = threshold === summary.threshold || !isCalibrated(summary);
  if (own) return { own, step, counts: summary.counts, expected: summary.precision?.expected ?? null };
  const at = summary.thresholds[step]!;
  return { own, step, counts: at, expected: at.expected_precision };
}

function ThresholdSlider({ review }: { review: Review }) {
  const { summary, threshold } = review;
  if (!isCalibrated(summary) || threshold === null) {
    return (
      <div>
        <h2>Threshold</h2>
        <p class="soft">{sentence(summary.calibrated) || "Matches have no confidence here, so that there is no threshold to move."}</p>
      </div>
    );
  }
  const { own, step, counts } = standOf(review);
  const sure = Math.max(threshold, summary.same_as);
  const colour = (high: number) => (high > sure ? "var(--accent)" : high > threshold ? "var(--middle)" : "var(--faint)");
  return (
    <div>
      <h2>
        <label for="threshold">A link needs a confidence of</label> <output for="threshold">{percent(threshold)}</output>
        {sure > threshold && <>, a sure one {percent(sure)}</>}
      </h2>
      <Chart
        label="Number of matches by confidence"
        height={64}
        deps={[summary, threshold]}
        draw={() => ({
          margin: 0,
          marginLeft: 8,
          marginRight: 8,
          x: { domain: [0, 1], axis: null },
          y: { axis: null, type: "sqrt" }, // a small bar beside a large one stays in sight
          marks: [
            Plot.rectY(summary.histogram, { x1: "low", x2: "high", y: "count", inset: 0.5, fill: (bin) => colour(bin.high) }),
            Plot.ruleY([0], { stroke: "var(--line)" }),
          ],
        })}
      />
      <input
        id="threshold"
        type="range"
        min={0}
        max={summary.thresholds.length - 1}
        step={1}
        value={step}
        aria-valuetext={`${percent(threshold)}: ${headline(counts, true)}`}
        onInput={(event) => review.setThreshold(summary.thresholds[Number(event.currentTarget.value)]!.threshold)}
      />
      <p class="soft small">
        {own ? (
          "The threshold of this run. Move it to see other counts."
        ) : (
          <button class="plain" onClick={() => review.setThreshold(summary.threshold!)}>
            Back to {percent(summary.threshold)}, the threshold of this run
          </button>
        )}
      </p>
    </div>
  );
}

function Precision({ review }: { review: Review }) {
  const { summary } = review;
  const { own, expected } = standOf(review);
  const [low, high] = [summary.precision?.low ?? null, summary.precision?.high ?? null];
  return (
    <div>
      <h2>Expected precision of these links</h2>
      <p class="figure">{percent(expected)}</p>
      <p class="soft small">
        {expected !== null && own && low !== null && `95 % interval ${percent(low)} to ${percent(high)}. `}
        {sentence(summary.calibrated) || (expected === null && "Not known: the confidence of this run is not calibrated.")}
      </p>
    </div>
  );
}

const JUDGED: Record<string, string> = {
  test: "Figures on test links",
  validation: "Figures on validation links, which also chose",
};

function Figures({ summary }: { summary: Summary }) {
  const names = [...new Set(summary.metrics.map((row) => row.name))];
  const directions = [...new Set(summary.metrics.map((row) => row.direction))];
  const title = JUDGED[summary.judged_on ?? "test"] ?? "Figures on known links, held out in turn";
  const value = (direction: string, name: string) =>
    summary.metrics.find((row) => row.direction === direction && row.name === name)?.value;
  return (
    <div>
      <h2>{title}</h2>
      {!summary.judged || names.length === 0 ? (
        <p class="soft">Not judged: this run has no test links.</p>
      ) : (
        <>
          <div class="scroll" tabIndex={0} role="group" aria-label={title}>
            <table class="numbers">
              <thead>
                <tr>
                  <th scope="col">direction</th>
                  {names.map((name) => (
                    <th key={name} scope="col">
                      {name}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {directions.map((direction) => (
                  <tr key={direction}>
                    <th scope="row">{worded(direction)}</th>
                    {names.map((name) => (
                      <td key={name}>{figure(value(direction, name))}</td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <details>
            <summary>Protocol</summary>
            <dl>
              {summary.protocol.map(([name, text]) => [<dt key={name}>{worded(name)}</dt>, <dd key={`${name}.`}>{String(text)}</dd>])}
            </dl>
          </details>
        </>
      )}
    </div>
  );
}

function figure(value: number | undefined): string {
  if (value === undefined) return "–";
  return Number.isInteger(value) && value > 1 ? String(value) : fixed(value, value > 10 ? 1 : 3);
}

function Downloads({ review }: { review: Review }) {
  const { source, say } = review;
  const { sampled } = review.summary;
  const holds = sampled && `This page holds ${count(sampled.shown)} of ${count(sampled.total)} rows; mmkg serve shows the whole run.`;
  const start = (name: string) => source.download(name).catch((error: Error) => say({ text: error.message, undo: false, bad: true }));
  return (
    <>
      <div class="downloads" role="group" aria-label="Downloads">
        <span class="soft">Download</span>
        {DOWNLOADS.map(({ name, title }) => (
          <button key={name} data-download={name} onClick={() => void start(name)}>
            {title}
          </button>
        ))}
        {!source.live && sampled && sampled.shown < sampled.total && <span class="soft small">of the rows on this page</span>}
      </div>
      {sampled && <p class="note">{sampled.text ?? holds}</p>}
    </>
  );
}
