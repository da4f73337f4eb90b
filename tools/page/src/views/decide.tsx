// Accept, reject, no counterpart, undo; who decides, and a comment.
import { KEYS, type Keys } from "../keys";
import type { Review } from "../review";
import type { Decision } from "../types";
import { VERDICTS } from "../words";

export function Decide({ review, keys }: { review: Review; keys: Keys }) {
  const { row, decision, summary } = review;
  if (row === null) return null;
  const matched = row.left !== null && row.right !== null;
  return (
    <div class="decide" role="group" aria-label="Decide">
      {decision && <Decided review={review} decision={decision} />}
      {summary.read_only ? (
        <p class="soft">This page is read only: decisions cannot be changed.</p>
      ) : (
        <>
          <div class="verdicts">
            {matched && (
              <button class="accept" aria-keyshortcuts="A" aria-pressed={decision?.verdict === "accept"} onClick={() => review.decide("accept")}>
                Accept <kbd>A</kbd>
              </button>
            )}
            {matched && (
              <button class="reject" aria-keyshortcuts="R" aria-pressed={decision?.verdict === "reject"} onClick={() => review.decide("reject")}>
                Reject <kbd>R</kbd>
              </button>
            )}
            <button
              aria-keyshortcuts="N"
              aria-pressed={decision?.verdict === "no_counterpart"}
              onClick={() => review.decide("no_counterpart")}
            >
              No counterpart <kbd>N</kbd>
            </button>
            <button aria-keyshortcuts="U" onClick={review.undo}>
              Undo <kbd>U</kbd>
            </button>
          </div>
          <details class="notes">
            <summary>Comment, name, keys</summary>
            <label>
              <span>Comment on this decision</span>
              <input type="text" dir="auto" maxLength={1000} value={review.comment} onInput={(event) => review.setComment(event.currentTarget.value)} />
            </label>
            <label>
              <span>Your name or ORCID</span>
              <input
                type="text"
                dir="auto"
                maxLength={200}
                autocomplete="name"
                value={review.author}
                onInput={(event) => review.setAuthor(event.currentTarget.value)}
              />
            </label>
            <label class="switch">
              <input type="checkbox" checked={keys.on} onChange={(event) => keys.switch(event.currentTarget.checked)} />
              <span>
                Keys:{" "}
                {KEYS.map(([key, text], place) => (
                  <span key={key}>
                    {place > 0 && ", "}
                    <kbd>{key}</kbd> {text}
                  </span>
                ))}
              </span>
            </label>
          </details>
        </>
      )}
    </div>
  );
}

function Decided({ review, decision }: { review: Review; decision: Decision }) {
  const { row, detail } = review;
  const ends = [
    [decision.left, row?.left],
    [decision.right, row?.right],
  ];
  const other = (decision.verdict === "accept" && ends.find(([made, own]) => made !== null && made !== own)?.[0]) || null;
  const name = detail?.candidates.find((each) => each.key === other)?.name ?? other;
  const date = new Date(decision.date);
  return (
    <p class="decided">
      <span class={`verdict ${decision.verdict}`}>{VERDICTS[decision.verdict]}</span>{" "}
      {other !== null && (
        <>
          <bdi>{name}</bdi>{" "}
        </>
      )}
      <span class="soft">
        by <bdi>{decision.author || "somebody"}</bdi>
        {Number.isNaN(date.getTime()) ? "" : ` on ${date.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" })}`}
        {decision.comment && (
          <>
            : <bdi>{decision.comment}</bdi>
          </>
        )}
      </span>
    </p>
  );
}
