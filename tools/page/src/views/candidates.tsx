// The five best candidates; the keys 1 to 5 choose one of them.
import type { Review } from "../review";
import type { Detail } from "../types";
import { percent } from "../words";

export function Candidates({ review, detail }: { review: Review; detail: Detail }) {
  const { row, decision, summary } = review;
  const matched = row?.left === null ? null : row?.right;
  const accepted = decision?.verdict === "accept" ? (row?.left === null ? decision.left : decision.right) : null;
  return (
    <section class="part" aria-labelledby="candidates-title">
      <h4 id="candidates-title">Candidates</h4>
      {detail.candidates.length === 0 && <p class="empty">No candidates were kept for this entity.</p>}
      <ol class="candidates">
        {detail.candidates.slice(0, 5).map((candidate, place) => (
          <li key={candidate.key}>
            <button
              disabled={summary.read_only}
              aria-pressed={accepted === candidate.key}
              aria-keyshortcuts={String(place + 1)}
              onClick={() => review.decide("accept", candidate.key)}
            >
              <kbd>{place + 1}</kbd>
              <span class="who">
                <bdi>{candidate.name}</bdi>
                {candidate.key === matched && <span class="chip">the match</span>}
              </span>
              <span class="value">
                {candidate.score.toFixed(1)}
                {candidate.confidence !== null && candidate.confidence !== undefined && (
                  <span class="soft"> {percent(candidate.confidence)}</span>
                )}
              </span>
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
}
