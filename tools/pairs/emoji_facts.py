"""Facts about emoji, read from emojibase-data, emoji-datasource and CLDR; part of build_emoji_pair.py."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

ATTRIBUTES_LEFT = ("since", "presentation", "gender", "skinTones", "textForm", "emoticon", "sequence")
ATTRIBUTES_RIGHT = (
    *("since", "presentation", "skinTones", "textForm", "emoticon", "alias"),
    *("docomo", "au", "softbank", "googlePrivate", "sequence"),
)


def plain(code: str) -> str:
    """Hexadecimal sequence without the emoji variation selector, which the sources write differently."""
    return "-".join(part for part in code.split("-") if part != "FE0F")


def clean(text: str) -> str:
    """NFC with every run of white space (also the no-break ones) as one space."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def sequence_kind(code: str) -> str:
    parts = code.split("-")
    if "200D" in parts:
        return "zwj"
    if "20E3" in parts:
        return "keycap"
    if "E007F" in parts:
        return "tag"
    return "flag" if territory(code) else ""


def territory(code: str) -> str:
    """ISO code of a flag made of two regional indicators, else an empty text."""
    if not re.fullmatch(r"1F1[0-9A-F]{2}-1F1[0-9A-F]{2}", code):
        return ""
    return "".join(chr(int(part, 16) - 0x1F1E6 + ord("A")) for part in code.split("-"))


def usable_keyword(keyword: str, iso: str) -> bool:
    """Whether a keyword is a word: neither the ISO code of the flag nor a symbol that may be an emoji itself."""
    return keyword != iso and not any(is_symbol(character) for character in keyword)


def is_symbol(character: str) -> bool:
    """Whether a character can be (part of) an emoji or a pictograph: other than ASCII and of category So, Sm or Cf."""
    return ord(character) > 0x7F and unicodedata.category(character) in ("So", "Sm", "Cf")


def keywords_of(emoji: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Keywords of each emoji, sorted; keywords of a single emoji are left out."""
    lists = []
    for item in emoji:
        iso = territory(plain(item["hexcode"]))
        lists.append(sorted({clean(tag) for tag in item["tags"] if usable_keyword(clean(tag), iso)}))
    uses = Counter(keyword for keywords in lists for keyword in keywords)
    return [[keyword for keyword in keywords if uses[keyword] > 1] for keywords in lists]


def first(emoticon: str | list[str] | None) -> str:
    return "" if emoticon is None else emoticon if isinstance(emoticon, str) else emoticon[0]


def left_attributes(item: Mapping[str, Any]) -> dict[str, str]:
    """Attributes from emojibase-data; an empty text is no fact."""
    return {
        "since": str(float(item["version"])),
        "presentation": "emoji" if item["type"] == 1 else "text",
        "gender": {0: "female", 1: "male"}.get(item.get("gender"), ""),  # type: ignore[arg-type]
        "skinTones": "yes" if "skins" in item else "",
        "textForm": "yes" if item["text"] else "",
        "emoticon": first(item.get("emoticon")),
        "sequence": sequence_kind(plain(item["hexcode"])),
    }


def right_attributes(item: Mapping[str, Any] | None) -> dict[str, str]:
    """Attributes from emoji-datasource, without the aliases of flags (ISO codes)."""
    if item is None:
        return dict.fromkeys(ATTRIBUTES_RIGHT, "")
    aliases = [name for name in item["short_names"][1:] if not name.startswith("flag-")]
    return {
        "since": str(float(item["added_in"])),
        "presentation": "text" if re.fullmatch(r"[0-9A-F]+-FE0F", item["unified"]) else "emoji",
        "skinTones": "yes" if "skin_variations" in item else "",
        "textForm": "yes" if item["non_qualified"] else "",
        "emoticon": item["text"] or "",
        "alias": " ".join(aliases),
        **{name: "yes" if item[name] else "" for name in ("docomo", "au", "softbank")},
        "googlePrivate": "yes" if item["google"] else "",
        "sequence": sequence_kind(plain(item["unified"])),
    }


def territory_facts(codes: Iterable[str], cldr: Mapping[str, Any], named: Set[str]) -> dict[str, dict[str, list[str]]]:
    """Per territory: containing regions, currencies in use, languages official or spoken by a fifth.

    Regions have containing regions too. Currencies and languages of a single territory are left out, and so
    are languages without a label (not in ``named``).
    """
    codes = list(codes)
    data = {name.split("/")[-1]: part["supplemental"] for name, part in cldr.items()}
    tender = data["currencyData.json"]["currencyData"]["region"]
    spoken = data["territoryInfo.json"]["territoryInfo"]
    currencies, languages = {}, {}
    for code in codes:
        currencies[code] = [
            currency
            for entry in tender.get(code, ())
            for currency, period in entry.items()
            if "_to" not in period and period.get("_tender") != "false"
        ]
        spread = {
            language.split("_")[0]
            for language, use in spoken.get(code, {}).get("languagePopulation", {}).items()
            if use.get("_officialStatus") in ("official", "de_facto_official") or float(use["_populationPercent"]) >= 20
        }
        languages[code] = sorted(spread & named)
    regions = containing_regions(codes, data["territoryContainment.json"]["territoryContainment"])
    return {"region": regions, "currency": shared_only(currencies), "language": shared_only(languages)}


def containing_regions(codes: Iterable[str], containment: Mapping[str, Any]) -> dict[str, list[str]]:
    """Regions and groupings that contain each territory directly, and those that contain them, up to the world."""
    parents = defaultdict(set)
    for key, value in containment.items():
        if "deprecated" not in key:
            for child in value["_contains"]:
                parents[child].add(key.split("-")[0])
    regions, waiting = {}, list(codes)
    while waiting:
        code = waiting.pop()
        if code not in regions and code in parents:
            regions[code] = sorted(parents[code])
            waiting += regions[code]
    return regions


def shared_only(facts: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Facts without the values of a single key."""
    uses = Counter(value for values in facts.values() for value in values)
    return {key: kept for key, values in facts.items() if (kept := [value for value in values if uses[value] > 1])}


def label_tables(language: str, messages: Any, labels: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Per kind: code -> label in one language, for all entities that are neither emoji nor keyword."""
    main = {name.split("/")[-1]: part["main"][language] for name, part in labels.items() if f"/{language}/" in name}
    names = main["languages.json"]["localeDisplayNames"]["languages"]
    money = main["currencies.json"]["numbers"]["currencies"]
    tables = {
        "group": {item["key"]: item["message"] for item in messages["groups"]},
        "subgroup": {item["key"]: item["message"] for item in messages["subgroups"]},
        "region": main["territories.json"]["localeDisplayNames"]["territories"],
        "currency": {code: facts["displayName"] for code, facts in money.items()},
        "language": names,
    }
    return {kind: {code: clean(label) for code, label in table.items()} for kind, table in tables.items()}
