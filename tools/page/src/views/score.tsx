// How the score of a match comes about: each modality, their sum, what hubness takes off in the ranking, the runner-up.
import * as Plot from "@observablehq/plot";
import { Chart } from "../plot";
import type { Detail, Points, Row, Summary } from "../types";
import { percent, points } from "../words";
import { colourOf } from "./shares";

const HUBNESS = "hubness";

interface Step {
  name: string;
  from: number;
  to: number;
  text: string;
  colour: string;
}

function stepsOf(parts: Points[], score: number, summary: Summary): Step[] {
  let sum = 0;
  const steps = parts.filter((part) => part.name !== HUBNESS).map(({ name, points: value }) => {
    const from = sum;
    sum += value;
    return { name, from, to: sum, text: points(value), colour: colourOf(name, summary.modalities) };
  });
  const ranked = parts
    .filter((part) => part.name === HUBNESS)
    .map(({ name, points: value }) => ({
      name,
      from: score,
      to: score + value,
      text: points(value),
      colour: colourOf(name, summary.modalities),
    }));
  return [...steps, { name: "score", from: 0, to: score, text: score.toFixed(1), colour: "var(--ink)" }, ...ranked];
}

export function Score({ detail, row, summary }: { detail: Detail; row: Row; summary: Summary }) {
  const { waterfall } = detail;
  const score = detail.score ?? row.score;
  const steps = waterfall.length > 0 && score !== null ? stepsOf(waterfall, score, summary) : [];
  const confidence = detail.confidence ?? row.confidence;
  return (
    <section class="part" aria-labelledby="score-title">
      <h4 id="score-title">Score</h4>
      {steps.length === 0 && <p class="empty">There is no match whose score could be taken apart.</p>}
      {steps.length > 0 && (
        <>
          <Chart
            label={`Score: ${steps.map((step) => `${step.name} ${step.text}`).join(", ")}`}
            height={steps.length * 26 + 24}
            deps={[detail, summary]}
            draw={({ width }) => ({
              marginLeft: Math.min(110, width / 3),
              marginRight: 44,
              marginTop: 4,
              marginBottom: 20,
              x: { label: null, ticks: 5, grid: true, nice: true },
              y: { domain: steps.map((step) => step.name), label: null, tickSize: 0, padding: 0.25 },
              marks: [
                Plot.barX(steps, { x1: "from", x2: "to", y: "name", fill: "colour", rx: 2 }),
                Plot.ruleX([0], { stroke: "var(--line)" }),
                Plot.text(steps, {
                  x: (step: Step) => Math.max(step.from, step.to),
                  y: "name",
                  text: "text",
                  textAnchor: "start",
                  dx: 5,
                  fill: "var(--ink)",
                }),
              ],
            })}
          />
          <p class="soft small">
            {confidence === null
              ? "The modalities add up to the score. The run has no calibrated confidence."
              : `The modalities add up to the score. Its lead over all rivals means a confidence of ${percent(confidence)}.`}
            {waterfall.some((part) => part.name === HUBNESS) &&
              " Hubness, how near both are to others, is taken off before entities are ranked, so a rival may have a higher score."}
          </p>
        </>
      )}
      {detail.runner_up && <RunnerUp runnerUp={detail.runner_up} />}
      {detail.rules.length > 0 && (
        <>
          <h5>Rules</h5>
          <ul class="rules">
            {detail.rules.map((rule) => (
              <li key={rule} dir="auto">
                {rule}
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

function RunnerUp({ runnerUp }: { runnerUp: NonNullable<Detail["runner_up"]> }) {
  const lacks = runnerUp.lacks.filter((part) => Math.abs(part.points) >= 0.05);
  return (
    <p class="runner-up">
      Runner-up <bdi>{runnerUp.name}</bdi>, score {runnerUp.score.toFixed(1)}
      {lacks.length > 0 && <>: {lacks.map(({ name, points: value }) => `${name} ${points(-value)}`).join(", ")}</>}.
    </p>
  );
}
