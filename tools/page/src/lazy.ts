// Data that are loaded once their section comes near the screen.
import type { Ref } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Source } from "./source";

export type Loaded<T> = { data: T | null; problem: string | null };

export function useLazy<T>(source: Source, load: () => Promise<T>): Loaded<T> & { place: Ref<HTMLElement> } {
  const place = useRef<HTMLElement>(null);
  const [near, setNear] = useState(!source.live); // the data of a report are there already
  const [state, setState] = useState<Loaded<T>>({ data: null, problem: null });
  useEffect(() => {
    if (near) return;
    const watch = new IntersectionObserver((entries) => entries.some((each) => each.isIntersecting) && setNear(true), {
      rootMargin: "400px",
    });
    watch.observe(place.current!);
    return () => watch.disconnect();
  }, [near]);
  useEffect(() => {
    if (!near) return;
    load().then(
      (data) => setState({ data, problem: null }),
      (error: Error) => setState({ data: null, problem: error.message }),
    );
  }, [near]);
  return { ...state, place };
}
