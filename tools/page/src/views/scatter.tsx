// The points of the map on a canvas: zoom by buttons, names by pointing, a lasso by dragging.
import { polygonContains } from "d3-polygon";
import { quadtree } from "d3-quadtree";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { GraphMap } from "../types";

type Spot = [number, number];

interface Props {
  map: GraphMap;
  shown: { left: boolean; right: boolean; links: boolean };
  select(places: number[]): void;
}

const MARGIN = 16;

export function Scatter({ map, shown, select }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const lasso = useRef<Spot[]>([]);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const [view, setView] = useState({ scale: 1, x: 0.5, y: 0.5 });
  const [near, setNear] = useState<{ place: number; at: Spot } | null>(null);

  useEffect(() => {
    const watch = new ResizeObserver(([entry]) => {
      const { width, height } = entry!.contentRect;
      setSize({ width: Math.floor(width), height: Math.floor(height) });
    });
    watch.observe(canvas.current!.parentElement!);
    return () => watch.disconnect();
  }, []);

  const unit = useMemo(() => inUnitSquare(map), [map]);
  const spots = useMemo(() => {
    const [w, h] = [size.width - 2 * MARGIN, size.height - 2 * MARGIN];
    return unit.map(([x, y]): Spot => [MARGIN + w * (0.5 + (x - view.x) * view.scale), MARGIN + h * (0.5 + (y - view.y) * view.scale)]);
  }, [unit, size, view]);
  const visible = (place: number) => shown[map.points[place]!.side];
  const tree = useMemo(
    () =>
      quadtree<number>()
        .x((place) => spots[place]![0])
        .y((place) => spots[place]![1])
        .addAll([...spots.keys()].filter(visible)),
    [spots, shown],
  );

  const draw = () => drawOn(canvas.current!, map, spots, shown, lasso.current, near?.place ?? null, size);
  useEffect(draw);
  useEffect(() => {
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", draw);
    return () => scheme.removeEventListener("change", draw);
  });

  const spotOf = (event: PointerEvent): Spot => [event.offsetX, event.offsetY];
  const down = (event: PointerEvent) => {
    canvas.current!.setPointerCapture(event.pointerId);
    lasso.current = [spotOf(event)];
    setNear(null);
  };
  const move = (event: PointerEvent) => {
    if (lasso.current.length > 0) {
      lasso.current.push(spotOf(event));
      return draw();
    }
    const place = tree.find(...spotOf(event), 14);
    setNear(place === undefined ? null : { place, at: spotOf(event) });
  };
  const up = () => {
    const line = lasso.current;
    lasso.current = [];
    draw();
    if (line.length < 3) return;
    const inside = [...spots.keys()].filter((place) => visible(place) && polygonContains(line, spots[place]!));
    if (inside.length > 0) select(inside);
  };
  const zoom = (factor: number) => setView({ ...view, scale: Math.max(1, Math.min(40, view.scale * factor)) });
  const pan = (x: number, y: number) => setView({ ...view, x: view.x + x / view.scale, y: view.y + y / view.scale });
  const moves: [string, string, () => void][] = [
    ["+", "Zoom in", () => zoom(1.5)],
    ["−", "Zoom out", () => zoom(1 / 1.5)],
    ["←", "Move left", () => pan(-0.2, 0)],
    ["→", "Move right", () => pan(0.2, 0)],
    ["↑", "Move up", () => pan(0, -0.2)],
    ["↓", "Move down", () => pan(0, 0.2)],
    ["⤢", "Whole map", () => setView({ scale: 1, x: 0.5, y: 0.5 })],
  ];
  return (
    <div class="scatter">
      <div class="frame">
        <canvas
          ref={canvas}
          role="img"
          aria-label={`Map of ${map.points.length} entities and ${map.links.length} links; the list above reaches the same matches`}
          onPointerDown={down}
          onPointerMove={move}
          onPointerUp={up}
          onPointerCancel={up}
          onPointerLeave={() => setNear(null)}
        />
        {near && (
          <div class="tip" style={{ left: `${Math.min(near.at[0] + 12, size.width - 180)}px`, top: `${near.at[1] + 12}px` }}>
            <bdi>{map.points[near.place]!.name}</bdi> <span class="soft">{map.points[near.place]!.side}</span>
          </div>
        )}
      </div>
      <div class="moves" role="group" aria-label="Move the map">
        {moves.map(([sign, title, act]) => (
          <button key={title} aria-label={title} title={title} onClick={act}>
            {sign}
          </button>
        ))}
      </div>
    </div>
  );
}

function inUnitSquare(map: GraphMap): Spot[] {
  const bounds = (values: number[]) => {
    const low = values.reduce((a, b) => Math.min(a, b), Infinity);
    return { low, range: values.reduce((a, b) => Math.max(a, b), -Infinity) - low || 1 };
  };
  const x = bounds(map.points.map((point) => point.x));
  const y = bounds(map.points.map((point) => point.y));
  return map.points.map((point) => [(point.x - x.low) / x.range, (point.y - y.low) / y.range]);
}

function drawOn(
  canvas: HTMLCanvasElement,
  map: GraphMap,
  spots: Spot[],
  shown: Props["shown"],
  lasso: Spot[],
  near: number | null,
  { width, height }: { width: number; height: number },
): void {
  const pen = canvas.getContext("2d");
  if (pen === null || width === 0) return;
  const ratio = devicePixelRatio;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  pen.scale(ratio, ratio);
  const style = getComputedStyle(canvas);
  const colour = (name: string) => style.getPropertyValue(name);
  if (shown.links) {
    pen.beginPath();
    for (const [from, to] of map.links) {
      pen.moveTo(...spots[from]!);
      pen.lineTo(...spots[to]!);
    }
    pen.strokeStyle = colour("--soft");
    pen.globalAlpha = 0.25;
    pen.lineWidth = 0.7;
    pen.stroke();
  }
  const radius = map.points.length > 5000 ? 1.5 : map.points.length > 1000 ? 2 : 3;
  pen.globalAlpha = 0.8;
  for (const side of ["left", "right"] as const) {
    if (!shown[side]) continue;
    pen.fillStyle = colour(side === "left" ? "--accent" : "--second");
    pen.beginPath();
    spots.forEach(([x, y], place) => {
      if (map.points[place]!.side !== side) return;
      pen.moveTo(x + radius, y);
      pen.arc(x, y, radius, 0, 2 * Math.PI);
    });
    pen.fill();
  }
  pen.globalAlpha = 1;
  pen.strokeStyle = colour("--ink");
  pen.lineWidth = 1.5;
  if (near !== null) {
    pen.beginPath();
    pen.arc(...spots[near]!, radius + 3, 0, 2 * Math.PI);
    pen.stroke();
  }
  if (lasso.length > 1) {
    pen.beginPath();
    lasso.forEach((spot) => pen.lineTo(...spot));
    pen.closePath();
    pen.setLineDash([5, 4]);
    pen.stroke();
  }
}
