import { useEffect, useState } from "preact/hooks";
import { useKeys } from "./keys";
import { useReview } from "./review";
import type { Source } from "./source";
import type { Summary } from "./types";
import { Configuration } from "./views/configuration";
import { Headline } from "./views/headline";
import { Lists } from "./views/lists";
import { GraphMapView } from "./views/map";
import { Matches } from "./views/matches";
import { Match } from "./views/match";
import { ToastView } from "./views/toast";
import { Training } from "./views/training";
import { Trust } from "./views/trust";

/** Below this width the match takes the place of the list, see the styles. */
const NARROW = 620;
const SECTIONS: [string, string][] = [
  ["review", "Review"],
  ["trust", "Trust"],
  ["map", "Map"],
  ["lists", "Lists"],
  ["training", "Training"],
  ["configuration", "Configuration"],
];

export function App({ source }: { source: Source }) {
  const [summary, setSummary] = useState<Summary | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    source.summary().then(setSummary, (error: Error) => setProblem(error.message));
  }, [source]);
  if (problem !== null) return <p class="alone" role="alert">{problem}</p>;
  if (summary === null) return <p class="alone" role="status">Loading …</p>;
  return <Page source={source} summary={summary} />;
}

function Page({ source, summary }: { source: Source; summary: Summary }) {
  const review = useReview(source, summary);
  const keys = useKeys(review);
  const [opened, setOpened] = useState(false);
  useEffect(() => {
    document.title = `${summary.name} – mmkg`;
  }, [summary.name]);
  const select = (index: number) => {
    review.select(index);
    setOpened(true);
    if (innerWidth < NARROW) requestAnimationFrame(() => document.getElementById("review")?.scrollIntoView());
  };
  return (
    <>
      <Bar source={source} summary={summary} />
      <main>
        <Headline review={review} />
        <section id="review" class={opened ? "review opened" : "review"} aria-labelledby="review-title" tabIndex={-1}>
          <h2 id="review-title" class="unseen">Review</h2>
          <Matches review={review} select={select} />
          <Match review={review} keys={keys} close={() => setOpened(false)} />
        </section>
        <Trust source={source} threshold={review.threshold} summary={summary} />
        <GraphMapView review={review} />
        <Lists source={source} review={review} />
        <Training source={source} />
        <Configuration summary={summary} />
      </main>
      <ToastView review={review} />
    </>
  );
}

function Bar({ source, summary }: { source: Source; summary: Summary }) {
  const go = (event: Event, id: string) => {
    event.preventDefault();
    const section = document.getElementById(id);
    section?.scrollIntoView({ block: "start" });
    section?.focus({ preventScroll: true });
  };
  const home = source.live ? (summary.read_only ? "read only" : "live") : "saved page";
  return (
    <header class="bar">
      <span class="brand">mmkg</span>
      <bdi class="run">{summary.name}</bdi>
      <nav aria-label="Sections">
        {SECTIONS.map(([id, title]) => (
          <a key={id} href={`#${id}`} onClick={(event) => go(event, id)}>
            {title}
          </a>
        ))}
      </nav>
      <span class="home">{home}</span>
    </header>
  );
}
