// The two entities side by side: pictures, names, types.
import { addressOf } from "../iri";
import type { Card, Detail, Row, Side } from "../types";
import { counted } from "../words";

const MOST = 6;

export function Cards({ detail, row }: { detail: Detail; row: Row }) {
  return (
    <div class="cards">
      <EntityCard side="left" card={detail.left} near={row.left === null} />
      <EntityCard side="right" card={detail.right} near={row.right === null} />
    </div>
  );
}

interface Props {
  side: Side;
  card: Card | null;
  /** Whether the entity is only the nearest one, not the counterpart. */
  near: boolean;
}

function EntityCard({ side, card, near }: Props) {
  if (card === null) {
    return (
      <article class="card none" aria-label={`${side} entity`}>
        <span class="side-name">{side}</span>
        <p class="empty">No counterpart. The candidates below are the nearest ones.</p>
      </article>
    );
  }
  const others = card.names.filter((name) => name !== card.name);
  return (
    <article class="card" aria-label={`${side} entity`}>
      <Pictures card={card} />
      <div class="who">
        <span class="side-name">{near ? `${side}, the nearest entity, not linked` : side}</span>
        <h4 dir="auto">{card.name}</h4>
        {card.key !== card.name && <Key card={card} />}
        {others.length > 0 && (
          <p class="others">
            <span class="soft">also </span>
            {others.slice(0, MOST).map((name, place) => (
              <span key={name}>
                {place > 0 && ", "}
                <bdi>{name}</bdi>
              </span>
            ))}
            {others.length > MOST && ` and ${others.length - MOST} more`}
          </p>
        )}
        <p class="chips">
          {card.types.slice(0, MOST).map((type) => (
            <bdi key={type} class="chip">
              {type}
            </bdi>
          ))}
          {card.degree !== null && <span class="soft small">{counted(card.degree, "neighbour")}</span>}
        </p>
      </div>
    </article>
  );
}

function Key({ card }: { card: Card }) {
  const address = addressOf(card.key);
  if (address === null) return <bdi class="key">{card.key}</bdi>;
  return (
    <a class="key" href={address} target="_blank" rel="noopener noreferrer" dir="ltr">
      {card.key}
    </a>
  );
}

function Pictures({ card }: { card: Card }) {
  const pictures = card.pictures.filter((address) => /^(data:image\/|\/?api\/|https?:\/\/|blob:)/.test(address));
  if (pictures.length === 0) return null;
  return (
    <div class="pictures">
      {pictures.slice(0, 4).map((address, place) => (
        <img key={address} src={address} alt={`${card.name}, picture ${place + 1}`} loading="lazy" />
      ))}
    </div>
  );
}
