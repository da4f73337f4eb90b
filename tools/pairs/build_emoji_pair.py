"""Build datasets/emoji: facts in four languages and image descriptors of two vendors.

Reads npm packages (fetched with `npm pack` when absent) and writes the same bytes on every run on one machine.
Needs npm and, from a checkout, pip install -e '.[dev,emoji]' (Pillow, scikit-image). Half a minute.

    python tools/pairs/build_emoji_pair.py --packages ~/.cache/mmkg/npm --out datasets/emoji
"""

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import emoji_facts as facts
import emoji_images as images
import numpy as np
from data_files import write_npz, write_sums, write_tsv
from pinned_packages import fetch, npm, read_members
from threadpoolctl import threadpool_limits

from mmkg.errors import InputError

PACKAGES = {
    package.name: package
    for package in (
        npm("emojibase-data", "17.0.0", "d01d0e2ca4e22cb402679532155342c71e2e871f25c32223c013b8b166ebdf5a"),
        npm("emoji-datasource-twitter", "16.0.0", "f64a530c63bca463bd8317fdc4615ce63a53a0c65018e4ce2d848aaba7a28877"),
        npm("emoji-datasource-google", "16.0.0", "fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438"),
        npm("cldr-core", "48.0.0", "3b739a175e47e50905050a34612584fd5590c9352b11f36e3498eacff1c9aa94"),
        npm("cldr-localenames-full", "48.0.0", "b79db910fe2ba45ef20ca2f34ee5c269920a232a43e9af47676b79dfa6c03ac7"),
        npm("cldr-numbers-full", "48.0.0", "d3d12515b0f6f7c4b5f82586b52b16164a0cffbf4d45a9f2bd894380a96b1cb3"),
    )
}
LANGUAGES = ("en", "fr", "zh", "ja")
VENDORS = ("twitter", "google")
COMPONENT_GROUP = 2  # skin tones and hair: not entities


def read_json(tarball: Path, wanted: Iterable[str]) -> dict[str, Any]:
    return {name: json.loads(text) for name, text in read_members(tarball, wanted).items()}


def emoji_columns(items: Sequence[Mapping[str, Any]], meta: Mapping[str, Any]) -> dict[str, list[str]]:
    """Character, group, subgroup, territory of a flag, and rows of the parts of a joined (ZWJ) sequence."""
    codes = [facts.plain(item["hexcode"]) for item in items]
    row_of = {code: row for row, code in enumerate(codes)}
    parts = [{row_of[part] for part in map(facts.plain, code.split("-200D-")) if part in row_of} for code in codes]
    return {
        "emoji": [item["emoji"] for item in items],
        "group": [meta["groups"][str(item["group"])] for item in items],
        "subgroup": [meta["subgroups"][str(item["subgroup"])] for item in items],
        "territory": [facts.territory(code) for code in codes],
        "parts": [",".join(map(str, sorted(rows - {row}))) for row, rows in enumerate(parts)],
    }


def read_emoji(tarball: Path) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """Emoji of each language in one order, and the other files of emojibase-data by name."""
    names = [f"{lang}/{part}.json" for lang in LANGUAGES for part in ("data", "messages")]
    base = read_json(tarball, ["meta/groups.json", *names])
    emoji = {
        lang: [item for item in base[f"{lang}/data.json"] if item.get("group") not in (None, COMPONENT_GROUP)]
        for lang in LANGUAGES
    }
    if len({tuple(item["hexcode"] for item in items) for items in emoji.values()}) > 1:
        raise InputError(f"expected the same emoji in the same order in {LANGUAGES}", path=tarball)
    return emoji, base


def write_facts(tarballs: Mapping[str, Path], by_code: Mapping[str, Any], out: Path) -> list[str]:
    """Write every TSV; ``by_code`` is emoji-datasource. Returns the code sequences in the order of the rows."""
    emoji, base = read_emoji(tarballs["emojibase-data"])
    names = [f"supplemental/{name}.json" for name in ("territoryContainment", "currencyData", "territoryInfo")]
    cldr = read_json(tarballs["cldr-core"], names)
    names = [f"main/{lang}/{part}.json" for lang in LANGUAGES for part in ("territories", "languages")]
    labels = read_json(tarballs["cldr-localenames-full"], names)
    labels |= read_json(tarballs["cldr-numbers-full"], [f"main/{lang}/currencies.json" for lang in LANGUAGES])

    columns = emoji_columns(emoji["en"], base["meta/groups.json"])
    write_tsv(out / "emoji.tsv", [*columns], zip(*columns.values(), strict=True))
    codes = [facts.plain(item["hexcode"]) for item in emoji["en"]]
    left = [[*facts.left_attributes(item).values()] for item in emoji["en"]]
    right = [[*facts.right_attributes(by_code.get(code)).values()] for code in codes]
    write_tsv(out / "attributes_emojibase.tsv", facts.ATTRIBUTES_LEFT, left)
    write_tsv(out / "attributes_datasource.tsv", facts.ATTRIBUTES_RIGHT, right)

    tables = {lang: facts.label_tables(lang, base[f"{lang}/messages.json"], labels) for lang in LANGUAGES}
    named = set.intersection(*(set(table["language"]) for table in tables.values()))
    places = facts.territory_facts(filter(None, columns["territory"]), cldr, named)
    used = {kind: {code for values in table.values() for code in values} for kind, table in places.items()}
    used |= {kind: set(columns[kind]) for kind in ("group", "subgroup")}
    rows = [
        [code, *(",".join(table.get(code, ())) for table in places.values())]
        for code in sorted({code for table in places.values() for code in table})
    ]
    write_tsv(out / "territories.tsv", ["territory", *places], rows)
    for lang, table in tables.items():
        rows = [[kind, code, table[kind][code]] for kind in table for code in sorted(used[kind])]
        write_tsv(out / f"labels_{lang}.tsv", ["kind", "code", "label"], rows)
        keywords = facts.keywords_of(emoji[lang])
        rows = [[facts.clean(i["label"]), "|".join(words)] for i, words in zip(emoji[lang], keywords, strict=True)]
        write_tsv(out / f"text_{lang}.tsv", ["label", "keywords"], rows)
    return codes


def write_images(tarballs: Mapping[str, Path], items: Sequence[Any], out: Path, dim: int) -> None:
    """Write the descriptors of both vendors on common axes and with a common scale per axis."""
    rows = np.array([row for row, item in enumerate(items) if item is not None], dtype=np.int16)
    features = []
    for vendor in VENDORS:
        files = [f"img/{vendor}/64/{items[row]['image']}" for row in rows]
        found = read_members(tarballs[f"emoji-datasource-{vendor}"], files)
        features.append(images.describe([found[file] for file in files]))
    reduced = images.reduce_jointly(features, dim)
    scale = (np.abs(np.concatenate(reduced)).max(axis=0) / 127).astype(np.float32)
    for vendor, values in zip(VENDORS, reduced, strict=True):
        arrays = {"rows": rows, "codes": images.quantise(values, scale), "scale": scale}
        write_npz(out / f"image_{vendor}.npz", arrays)


def build(packages: Path, out: Path, dim: int = 128) -> None:
    """Write every data file and SHA256SUMS to ``out``."""
    tarballs = {name: fetch(package, packages) for name, package in PACKAGES.items()}
    source = read_json(tarballs["emoji-datasource-twitter"], ["emoji.json"])["emoji.json"]
    by_code = {facts.plain(item["unified"]): item for item in source}
    codes = write_facts(tarballs, by_code, out)
    write_images(tarballs, [by_code.get(code) for code in codes], out, dim)
    write_sums(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, default=Path.home() / ".cache" / "mmkg" / "npm")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[2] / "datasets" / "emoji")
    arguments = parser.parse_args()
    with threadpool_limits(1):
        build(arguments.packages, arguments.out)


if __name__ == "__main__":
    main()
