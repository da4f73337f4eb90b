import { useEffect, useState } from "preact/hooks";

/** A value once it has stayed the same for a moment: the slider moves faster than lists load. */
export function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), 150);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
