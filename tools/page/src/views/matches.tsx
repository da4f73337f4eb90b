// The list of matches with its filters.
import { useState } from "preact/hooks";
import type { Review, Tab } from "../review";
import { MOST_ROWS } from "../rows";
import type { Order, Query, State, Summary } from "../types";
import { count, counted } from "../words";
import { isCalibrated, standOf } from "./headline";
import { List } from "./list";

export function Matches({ review, select }: { review: Review; select(index: number): void }) {
  const { rows, chosen } = review;
  return (
    <div class="matches">
      <Tabs review={review} />
      {chosen ? <ChosenRows review={review} /> : <Filters review={review} />}
      <p class="found soft small" role="status">
        {rows.total === null ? "Loading …" : counted(rows.total, "row")}
        {!review.source.live && review.summary.sampled && " on this page"}
        {rows.total !== null && rows.total > MOST_ROWS && `; the first ${count(MOST_ROWS)} are listed. Filter or search for the others.`}
      </p>
      {rows.error && (
        <p class="problem" role="alert">
          {rows.error}
        </p>
      )}
      {rows.total === 0 && !rows.error ? <p class="empty">{nothing(review)}</p> : <List review={review} select={select} />}
    </div>
  );
}

function nothing(review: Review): string {
  if (isFiltered(review.filters)) return "No row fits these filters. Clear some of them.";
  if (review.tab === "check") return "Nothing to check: every match is sure or decided.";
  if (review.tab === "left" || review.tab === "right") return "Every entity of this graph has a counterpart or was decided.";
  return "No match is open. Decided ones are listed with the filter State.";
}

function Tabs({ review }: { review: Review }) {
  const { summary, tab, setTab, chosen } = review;
  const { counts } = standOf(review);
  const tabs: [Tab, string, number][] = [
    ["check", "To check", counts.to_check],
    ["sure", "Sure", counts.sure],
    ["all", "All", matchesOf(summary)],
    ["left", "Left only", counts.left_without],
    ["right", "Right only", counts.right_without],
  ];
  const shown = tabs.filter(([name]) => name !== "sure" || isCalibrated(summary));
  return (
    <div class="tabs counted" role="group" aria-label="Rows to list">
      {shown.map(([name, title, total]) => (
        <button key={name} aria-pressed={!chosen && tab === name} onClick={() => setTab(name)}>
          <span>{title}</span> <b>{count(total)}</b>
        </button>
      ))}
    </div>
  );
}

/** All matches that were found, whatever their confidence. */
function matchesOf({ thresholds, counts }: Summary): number {
  const { sure, to_check } = thresholds[0] ?? counts;
  return sure + to_check;
}

function ChosenRows({ review }: { review: Review }) {
  return (
    <div class="chosen">
      <span>{review.chosen!.title}</span>
      <button onClick={() => review.choose(null)}>Show all</button>
    </div>
  );
}

const QUIET = { minConfidence: null, maxConfidence: null, minMargin: null, maxMargin: null, type: "", disagrees: "" };

function isFiltered(filters: Query): boolean {
  return filters.text !== "" || Object.entries(QUIET).some(([name, value]) => filters[name as keyof Query] !== value);
}

function Filters({ review }: { review: Review }) {
  const { filters, setFilters, summary } = review;
  const [more, setMore] = useState(false);
  const [timer, setTimer] = useState(0);
  const search = (text: string) => {
    clearTimeout(timer);
    setTimer(window.setTimeout(() => setFilters({ text: text.trim() }), 200));
  };
  const help = async () => {
    try {
      const rows = await review.source.ask(20);
      review.choose({ title: `The ${count(rows.length)} pairs whose answers help most`, rows });
    } catch (problem) {
      review.say({ text: (problem as Error).message, undo: false, bad: true });
    }
  };
  return (
    <div class="filters">
      <input
        id="search"
        type="search"
        placeholder="Search names and keys"
        aria-label="Search names and keys"
        defaultValue={filters.text}
        onInput={(event) => search(event.currentTarget.value)}
      />
      <button aria-expanded={more} aria-controls="filters" class={isFiltered({ ...filters, text: "" }) ? "active" : ""} onClick={() => setMore(!more)}>
        Filters
      </button>
      {review.source.asks && (
        <button onClick={() => void help()} title="The pairs whose answers would help most">
          Help me
        </button>
      )}
      <div id="filters" class="more" hidden={!more}>
        <Choice
          title="Order"
          value={filters.order}
          options={[
            ["least_sure", "least sure first"],
            ["score", "highest score first"],
            ["label", "by name"],
          ]}
          set={(order) => setFilters({ order: order as Order })}
        />
        <Choice
          title="State"
          value={filters.state}
          options={[
            ["open", "open"],
            ["decided", "decided"],
            ["accepted", "accepted"],
            ["rejected", "rejected"],
            ["", "any"],
          ]}
          set={(state) => setFilters({ state: state as State })}
        />
        <Range title="Confidence" step={0.01} low="minConfidence" high="maxConfidence" review={review} most={1} />
        <Range title="Margin" step={0.01} low="minMargin" high="maxMargin" review={review} />
        <Choice
          title="Type"
          value={filters.type}
          options={[["", "any"], ...summary.types.map((each): [string, string] => [each, each])]}
          set={(type) => setFilters({ type })}
        />
        <Choice
          title="Speaks against"
          value={filters.disagrees}
          options={[["", "any"], ...summary.modalities.map(({ name }): [string, string] => [name, name])]}
          set={(disagrees) => setFilters({ disagrees })}
        />
        <button class="plain" disabled={!isFiltered({ ...filters, text: "" })} onClick={() => setFilters(QUIET)}>
          Clear filters
        </button>
      </div>
    </div>
  );
}

interface ChoiceProps {
  title: string;
  value: string;
  options: [string, string][];
  set(value: string): void;
}

function Choice({ title, value, options, set }: ChoiceProps) {
  if (options.length < 2) return null;
  return (
    <label>
      <span>{title}</span>
      <select value={value} onChange={(event) => set(event.currentTarget.value)}>
        {options.map(([name, text]) => (
          <option key={name} value={name}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

type Bound = "minConfidence" | "maxConfidence" | "minMargin" | "maxMargin";

interface RangeProps {
  title: string;
  step: number;
  low: Bound;
  high: Bound;
  most?: number;
  review: Review;
}

function Range({ title, step, low, high, most, review }: RangeProps) {
  const box = (name: Bound, end: string) => (
    <input
      type="number"
      aria-label={`${title} ${end}`}
      placeholder={end}
      min={0}
      max={most}
      step={step}
      value={review.filters[name] ?? ""}
      onChange={(event) => {
        const { value } = event.currentTarget;
        review.setFilters({ [name]: value === "" ? null : Number(value) });
      }}
    />
  );
  return (
    <fieldset class="range">
      <legend>{title}</legend>
      {box(low, "from")}
      {box(high, "to")}
    </fieldset>
  );
}
