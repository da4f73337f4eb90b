// One match: both entities, why they match, what else could match, and the decision.
import { useEffect, useRef } from "preact/hooks";
import type { Keys } from "../keys";
import type { Review } from "../review";
import type { Detail, Row } from "../types";
import { count, fixed, percent } from "../words";
import { Cards } from "./cards";
import { Candidates } from "./candidates";
import { Decide } from "./decide";
import { Attributes, Neighbours } from "./facts";
import { Score } from "./score";

interface Props {
  review: Review;
  keys: Keys;
  close(): void;
}

export function Match({ review, keys, close }: Props) {
  const { row, detail } = review;
  const title = useRef<HTMLHeadingElement>(null);
  const seen = useRef(false);
  useEffect(() => {
    if (row === null) return;
    // On a narrow screen the match takes the place of the list, and is read from its beginning.
    const top = title.current?.closest(".match");
    if (seen.current && top && top.getBoundingClientRect().top < 0) top.scrollIntoView({ block: "start" });
    seen.current = true;
  }, [row?.left, row?.right]);
  if (row === null) {
    return (
      <div class="match">
        <p class="empty">Choose a row of the list to see both entities.</p>
      </div>
    );
  }
  return (
    <div class="match">
      <button class="back" onClick={close}>
        ← List
      </button>
      <Title review={review} row={row} heading={title} />
      {row.why && <p class="why">{row.why}</p>}
      {detail === undefined && (
        <p class="soft" role="status">
          Loading …
        </p>
      )}
      {detail === null && (
        <p class="empty">This page does not hold the facts of this pair, only its row. mmkg serve shows the facts of every pair.</p>
      )}
      {detail && <Facts review={review} row={row} detail={detail} />}
      <Decide review={review} keys={keys} />
    </div>
  );
}

function Title({ review, row, heading }: { review: Review; row: Row; heading: { current: HTMLHeadingElement | null } }) {
  const { rows, index } = review;
  const confidence = review.detail?.confidence ?? row.confidence;
  const score = review.detail?.score ?? row.score;
  const margin = review.detail?.margin ?? row.margin;
  const facts: [string, string][] = [
    ["confidence", percent(confidence)],
    ["score", fixed(score, 1)],
    ["margin", fixed(margin, 3)],
  ];
  return (
    <div class="title">
      <h3 id="match-title" ref={heading} tabIndex={-1}>
        {row.left !== null && <bdi>{row.left_name ?? row.left}</bdi>}
        {row.left !== null && row.right !== null && <span class="equals"> = </span>}
        {row.right !== null && <bdi>{row.right_name ?? row.right}</bdi>}
        {(row.left === null || row.right === null) && <span class="soft"> without a counterpart</span>}
      </h3>
      <div class="steps">
        <button aria-label="Previous row" disabled={index <= 0} onClick={() => review.select(index - 1)}>
          ‹
        </button>
        <span class="soft small">{index < 0 ? "not in the list" : `${count(index + 1)} of ${count(rows.total ?? 0)}`}</span>
        <button aria-label="Next row" disabled={index >= rows.count - 1} onClick={() => review.select(index + 1)}>
          ›
        </button>
      </div>
      <dl class="facts">
        {facts.map(([name, text]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

function Facts({ review, row, detail }: { review: Review; row: Row; detail: Detail }) {
  return (
    <>
      <Cards detail={detail} row={row} />
      <div class="halves">
        <Score detail={detail} row={row} summary={review.summary} />
        <Candidates review={review} detail={detail} />
      </div>
      <Attributes detail={detail} />
      <Neighbours detail={detail} />
    </>
  );
}
