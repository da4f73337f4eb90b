// The share of each modality in a score, as a bar of colours.
import type { Summary } from "../types";

const OWN = new Set(["structure", "relation", "attribute", "value", "image", "name", "text"]);

/** The colour of a modality: those of the library have one for the light and one for the dark page. */
export function colourOf(name: string, modalities: Summary["modalities"]): string {
  if (OWN.has(name)) return `var(--${name})`;
  const found = modalities.find((each) => each.name === name);
  if (!found || ![found.colour, found.dark ?? found.colour].every((each) => /^#[0-9a-f]{3,8}$/i.test(each))) return "var(--faint)";
  return `light-dark(${found.colour}, ${found.dark ?? found.colour})`;
}

interface Props {
  shares: Record<string, number>;
  modalities: Summary["modalities"];
}

export function ShareBar({ shares, modalities }: Props) {
  const parts = Object.entries(shares).filter(([, points]) => points > 0);
  if (parts.length === 0) return null;
  const title = Object.entries(shares).map(([name, points]) => `${name} ${points.toFixed(0)}`).join(", ");
  return (
    <span class="shares" title={title} aria-hidden="true">
      {parts.map(([name, points]) => (
        <i key={name} style={{ flexGrow: points, background: colourOf(name, modalities) }} />
      ))}
    </span>
  );
}
