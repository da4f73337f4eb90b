"""The curves of the site, drawn from the tables of the figures, so that they change with them."""

import json
import re
from pathlib import Path

from charts import Axis, Points, chart

ROOT = Path(__file__).parents[2]
FIGURES, SCALE, TRUST = ROOT / "tools" / "FIGURES.md", ROOT / "docs" / "scale.md", Path(__file__).parent / "trust.json"
SHARES = (0, 0.2, 0.4, 0.6, 0.8, 1)


def curves() -> dict[str, str]:
    """The SVG of each curve by its name."""
    return {"few_links": few_links(), "missing_images": missing_images(), **trust(), "growth": growth()}


def few_links() -> str:
    """Hits@1 by the number of known links."""
    header, rows = table(FIGURES, "| emoji-fr-en | 1 % (19 links)")
    links = [number(re.sub(r".*\(|%.*", "", cell)) for cell in header[1:5]]
    lines = {row[0]: [*zip(links, map(number, row[1:5]), strict=True)] for row in rows}
    x = Axis("known links (log scale)", [10, 20, 50, 100, 200], log=True)
    about = "Hits@1 of five models with 19 to 191 known links: refined propagation and combined are far ahead"
    return chart(about, lines, x=x, y=Axis("Hits@1", (0, 0.2, 0.4, 0.6, 0.8)))


def missing_images() -> str:
    """Hits@1 of MEAformer by the share of images that is kept."""
    header, rows = table(FIGURES, "| emoji-fr-en, images kept")
    kept = [float(cell) for cell in header[2:-1]]
    ways = {row[1]: row[2:-1] for row in rows if row[0] == "MEAformer" and "tag" not in row[1]}
    lines = {way: [*zip(kept, map(number, cells), strict=True)] for way, cells in ways.items()}
    about = "Hits@1 of MEAformer by the share of images kept: all fall in the middle, a learned token most"
    return chart(
        about, lines, x=Axis("share of the images that is kept", SHARES), y=Axis("Hits@1", (0.5, 0.6, 0.7, 0.8, 0.9, 1))
    )


def trust() -> dict[str, str]:
    """Reliability, and precision and recall by threshold, of the run of ``tools/studies/trust_curves.py``."""
    found = json.loads(TRUST.read_text(encoding="utf-8"))
    bins: Points = [(each["mean"], each["right"]) for each in found["reliability"]]
    confidence = Axis("mean confidence of the answers in a bin", SHARES)
    about = "Share of right answers by confidence: near the diagonal, somewhat above it in the middle"
    drawn = {
        "reliability": chart(
            about, {"this run": bins}, x=confidence, y=Axis("share that is right", SHARES), diagonal=True
        )
    }
    lines = {name: [(each["threshold"], each[name]) for each in found["curve"]] for name in ("precision", "recall")}
    about = "Precision rises and recall falls as the least confidence of a link goes from 0 to 1"
    drawn["precision"] = chart(about, lines, x=Axis("least confidence of a link", SHARES), y=Axis("share", SHARES))
    return drawn


def growth() -> str:
    """CPU-seconds from graphs to matches by the number of entities."""
    _, rows = table(SCALE, "| twins, per side | learner")
    lines: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if re.fullmatch(r"trained|propagation, width [\d,]+", row[1]):
            lines.setdefault(row[1].split(",")[0], []).append((number(row[0]), number(row[5])))
    x = Axis("entities per graph (log scale)", (100_000, 300_000, 1_000_000), log=True, form=",")
    about = "CPU-seconds of one thread for 100,000 to a million entities per graph: somewhat more than linear"
    return chart(about, dict(lines), x=x, y=Axis("CPU-seconds (log scale)", (10, 30, 100, 300, 1000), log=True))


def table(path: Path, beginning: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the Markdown table whose header begins so; an empty first cell is that of the row before.

    Raises:
        ValueError: there is no such table; its curve has to follow.
    """
    text = path.read_text(encoding="utf-8")
    if beginning not in text:
        raise ValueError(f"{path.name} has no table that begins {beginning!r}; correct tools/site/curves.py")
    lines = text[text.index(beginning) :].split("\n\n")[0].splitlines()
    header, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    for before, row in zip(rows, rows[1:], strict=False):
        row[0] = row[0] or before[0]
    return header, rows


def number(cell: str) -> float:
    """The first number of a cell."""
    found = re.search(r"\d[\d,]*\.?\d*|\.\d+", cell)
    if found is None:
        raise ValueError(f"expected a number, got {cell!r}")
    return float(found[0].replace(",", ""))
