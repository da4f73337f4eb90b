// The keys of a review. They can be switched off, and rest while a text is written.
import { useLayoutEffect, useState } from "preact/hooks";
import type { Review } from "./review";

export const KEYS: [string, string][] = [
  ["A", "accept"],
  ["R", "reject"],
  ["N", "no counterpart"],
  ["1–5", "choose that candidate"],
  ["U", "undo"],
  ["J, K", "next, previous"],
  ["/", "search"],
];

export interface Keys {
  on: boolean;
  switch(on: boolean): void;
}

export function useKeys(review: Review): Keys {
  const [on, setOn] = useState(true);
  // in the same turn as the switch, so that a key right after it rests
  useLayoutEffect(() => {
    if (!on) return;
    const pressed = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isWriting(event.target)) return;
      if (act(review, event.key)) event.preventDefault();
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  });
  return { on, switch: setOn };
}

function isWriting(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !["range", "checkbox", "button"].includes(target.type);
  return target.isContentEditable || ["TEXTAREA", "SELECT"].includes(target.tagName);
}

/** Whether the key means something. */
function act(review: Review, key: string): boolean {
  if (/^[1-5]$/.test(key)) {
    const candidate = review.detail?.candidates[Number(key) - 1];
    if (candidate) review.decide("accept", candidate.key);
    return candidate !== undefined;
  }
  const actions: Record<string, () => void> = {
    a: () => review.decide("accept"),
    r: () => review.decide("reject"),
    n: () => review.decide("no_counterpart"),
    u: review.undo,
    j: () => review.select(Math.min(review.index + 1, review.rows.count - 1)),
    k: () => review.select(Math.max(review.index - 1, 0)),
    "/": () => document.getElementById("search")?.focus(),
  };
  const action = actions[key.toLowerCase()];
  action?.();
  return action !== undefined;
}
