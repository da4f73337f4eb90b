// Both graphs in two dimensions; a lasso selects the matches to list.
import { useState } from "preact/hooks";
import { useLazy } from "../lazy";
import type { Review } from "../review";
import type { GraphMap } from "../types";
import { count, counted } from "../words";
import { Scatter } from "./scatter";

export function GraphMapView({ review }: { review: Review }) {
  const { data, problem, place } = useLazy(review.source, () => review.source.map());
  return (
    <section id="map" class="panel" ref={place} aria-labelledby="map-title" tabIndex={-1}>
      <h2 id="map-title">Map</h2>
      {problem && <p class="problem" role="alert">{problem}</p>}
      {data === null && !problem && <p class="soft">Loading … The map of a run is computed once, which may take minutes.</p>}
      {data?.points.length === 0 && <p class="empty">This page has no map of its entities.</p>}
      {data && data.points.length > 0 && <Drawn map={data} review={review} />}
    </section>
  );
}

function Drawn({ map, review }: { map: GraphMap; review: Review }) {
  const [shown, setShown] = useState({ left: true, right: true, links: true });
  const { sampled, method } = map;
  const select = async (places: number[]) => {
    const left = new Set<string>();
    const inside = new Set(places);
    for (const place of places) if (map.points[place]!.side === "left") left.add(map.points[place]!.key);
    for (const [from, to] of map.links) if (inside.has(to)) left.add(map.points[from]!.key);
    if (left.size === 0) return review.say({ text: "No entity of the left graph is in there.", undo: false, bad: false });
    try {
      const rows = await review.source.rowsOf([...left]);
      const some = left.size > 1000 ? `the first 1,000 of ${count(left.size)} entities` : counted(left.size, "entity", "entities");
      review.choose({ title: `From the map: ${some}`, rows });
      review.say({ text: `${counted(rows.length, "row")} of the map in the list.`, undo: false, bad: false });
      document.getElementById("review")?.scrollIntoView({ block: "start" });
    } catch (problem) {
      review.say({ text: (problem as Error).message, undo: false, bad: true });
    }
  };
  const toggle = (name: keyof typeof shown, title: string) => (
    <label class={`switch ${name}`}>
      <input type="checkbox" checked={shown[name]} onChange={() => setShown({ ...shown, [name]: !shown[name] })} />
      <span>{title}</span>
    </label>
  );
  return (
    <>
      <p class="soft">
        Near points have similar embeddings ({method}). Draw around points to list their matches.
        {sampled && ` A sample of ${count(sampled.shown)} of ${count(sampled.total)} entities.`}
      </p>
      <Scatter map={map} shown={shown} select={(places) => void select(places)} />
      <div class="legend">
        {toggle("left", "left graph")}
        {toggle("right", "right graph")}
        {toggle("links", "links")}
      </div>
    </>
  );
}
