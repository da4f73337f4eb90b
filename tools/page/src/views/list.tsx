// A list of any length: only the rows in sight are in the page.
import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from "@tanstack/virtual-core";
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from "preact/hooks";
import { groupOf } from "../filter";
import type { Review } from "../review";
import { idOf, type Row } from "../types";
import { count, percent, VERDICTS } from "../words";
import { ShareBar } from "./shares";

const HEIGHT = 66;

export function List({ review, select }: { review: Review; select(index: number): void }) {
  const box = useRef<HTMLDivElement>(null);
  const { rows, index } = review;
  const virtual = useVirtual(rows.count, box);
  const items = virtual.getVirtualItems();
  const [first, last] = [items[0]?.index ?? 0, items.at(-1)?.index ?? 0];
  useEffect(() => {
    if (rows.count > 0) rows.need(first, last);
  }, [rows, rows.count, first, last]);
  useEffect(() => {
    if (index >= 0 && index < rows.count) virtual.scrollToIndex(index);
  }, [index, rows]);
  const pressed = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor((box.current?.clientHeight ?? HEIGHT) / HEIGHT) - 1);
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    const step = steps[event.key];
    if (event.key === "Enter") {
      select(Math.max(index, 0));
      document.getElementById("match-title")?.focus();
    } else if (step !== undefined) review.select(Math.max(0, Math.min(rows.count - 1, Math.max(index, 0) + step)));
    else return;
    event.preventDefault();
  };
  const active = items.some((item) => item.index === index) ? `row-${index}` : undefined;
  return (
    <div
      ref={box}
      class="list"
      role="listbox"
      aria-label="Matches"
      aria-activedescendant={active}
      tabIndex={0}
      onKeyDown={pressed}
    >
      <div role="presentation" style={{ height: `${virtual.getTotalSize()}px` }}>
        {items.map((item) => (
          <Item
            key={item.index}
            review={review}
            row={rows.at(item.index)}
            place={item.index}
            top={item.start}
            current={item.index === index}
            select={select}
          />
        ))}
      </div>
    </div>
  );
}

interface ItemProps {
  review: Review;
  row: Row | undefined;
  place: number;
  top: number;
  current: boolean;
  select(index: number): void;
}

function Item({ review, row, place, top, current, select }: ItemProps) {
  const common = {
    id: `row-${place}`,
    role: "option" as const,
    "aria-selected": current,
    "aria-posinset": place + 1,
    "aria-setsize": review.rows.total ?? undefined,
    style: { transform: `translateY(${top}px)`, height: `${HEIGHT}px` },
  };
  if (row === undefined) return <div {...common} class="row waiting" aria-label={`Row ${count(place + 1)}, loading`} />;
  const { verdict, right } = review.verdictOf(row);
  const sure = row.kind === "known" || groupOf(row, review.threshold, review.summary) === "sure";
  const replaced = verdict === "accept" && right !== null && right !== row.right && row.left !== null;
  const missing = (
    <span class="soft">{row.nearest ? <>nearest: <bdi>{row.nearest.name}</bdi></> : "no counterpart"}</span>
  );
  return (
    <div {...common} class={`row ${sure ? "sure" : ""}`} data-key={idOf(row)} onClick={() => select(place)}>
      <span class="names">
        {row.left === null ? missing : <bdi>{row.left_name ?? row.left}</bdi>}
        {row.right === null ? missing : <bdi class={replaced ? "struck" : ""}>{row.right_name ?? row.right}</bdi>}
      </span>
      <span class="side">
        {verdict ? (
          <span class={`verdict ${verdict}`}>{VERDICTS[verdict]}</span>
        ) : (
          <span class="confidence">
            <span class="unseen">{row.kind === "known" ? "link" : row.confidence === null ? "score" : "confidence"} </span>
            {row.judged && <Judged judged={row.judged} />}
            {row.kind === "known" ? "known" : row.confidence === null ? score(row) : percent(row.confidence)}
          </span>
        )}
        <ShareBar shares={row.shares} modalities={review.summary.modalities} />
      </span>
    </div>
  );
}

function Judged({ judged }: { judged: "right" | "wrong" }) {
  const title = judged === "right" ? "a test link" : "contradicts a test link";
  return (
    <span class={`judged ${judged}`} title={title}>
      <span aria-hidden="true">{judged === "right" ? "✓" : "✗"}</span>
      <span class="unseen">{title}</span>{" "}
    </span>
  );
}

function score(row: Row): string {
  const value = row.score ?? row.nearest?.score ?? null;
  return value === null ? "" : value.toFixed(0);
}

function useVirtual(total: number, box: { current: HTMLDivElement | null }) {
  const [, changed] = useReducer((times: number) => times + 1, 0);
  const options = {
    count: total,
    getScrollElement: () => box.current,
    estimateSize: () => HEIGHT,
    overscan: 6,
    scrollToFn: elementScroll,
    observeElementRect,
    observeElementOffset,
    onChange: () => changed(undefined as never),
  };
  const [virtual] = useState(() => new Virtualizer<HTMLDivElement, Element>(options));
  virtual.setOptions(options);
  useLayoutEffect(() => virtual._didMount(), [virtual]);
  useLayoutEffect(() => virtual._willUpdate());
  return virtual;
}
