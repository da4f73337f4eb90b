// A message about what has just happened, which screen readers read out.
import { useEffect } from "preact/hooks";
import type { Review } from "../review";

const SECONDS = 8;

export function ToastView({ review }: { review: Review }) {
  const { toast, say } = review;
  useEffect(() => {
    if (toast === null || toast.bad) return;
    const timer = setTimeout(() => say(null), SECONDS * 1000);
    return () => clearTimeout(timer);
  }, [toast]);
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toast && (
        <div class={toast.bad ? "toast bad" : "toast"}>
          <span dir="auto">{toast.text}</span>
          {toast.undo && <button onClick={review.undo}>Undo</button>}
          <button aria-label="Close the message" onClick={() => say(null)}>
            ×
          </button>
        </div>
      )}
    </div>
  );
}
