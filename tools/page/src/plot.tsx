// A chart of Observable Plot that fits its place, with a text for those who do not see it.
import * as Plot from "@observablehq/plot";
import { useEffect, useRef, useState } from "preact/hooks";

export interface ChartProps {
  label: string;
  height: number;
  draw(size: { width: number; height: number }): Plot.PlotOptions;
  deps: unknown[];
}

export function Chart({ label, height, draw, deps }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const watch = new ResizeObserver(([entry]) => setWidth(Math.floor(entry!.contentRect.width)));
    watch.observe(place.current!);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    if (width === 0) return;
    const options = draw({ width, height });
    const chart = Plot.plot({ width, height, style: { fontSize: "12px" }, ...options });
    chart.setAttribute("aria-hidden", "true");
    place.current!.replaceChildren(chart);
  }, [width, height, ...deps]);
  return <div ref={place} class="chart" role="img" aria-label={label} style={{ minHeight: `${height}px` }} />;
}
