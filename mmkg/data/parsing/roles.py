"""What the columns of a table of entities are: the id, the name, the picture, and whether it is such a table at all."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath

from ...errors import InputError
from .tables import TRIPLES, columns_of, looks_like_header

Column = Sequence[str | None]

# names of columns, without spaces, underscores and capitals, by preference
IDS = (
    *("id", "@id", "uri", "iri", "entityid", "identifier", "uid", "uuid", "guid", "qid", "sku", "isbn", "ean", "gtin"),
    *("doi", "orcid", "geonameid", "entity", "key", "code"),
)
WEAK = ("entity", "key", "code")  # of these, names that other columns have, too
NAMES = ("name", "title", "label", "preflabel", "rdfs:label", "displayname", "fullname")
PICTURES = (
    *("picture", "image", "photo", "img", "thumbnail", "depiction", "images", "pictures"),
    *("picturepath", "imagepath", "imagefile", "imageurl", "pictureurl"),
)
OTHERS = ("description", "type", "category", "url", "parent", "parentid")  # further words of headers

_NUMBER = re.compile(r"[-+]?[0-9][0-9.,:/\-]*")
_PICTURE_FILE = re.compile(r".*\.(?:jpe?g|png|webp|gif|bmp|tiff?)", re.IGNORECASE)


def bare(name: str) -> str:
    """The name of a column without spaces, underscores, hyphens and capitals."""
    return re.sub(r"[\s_\-]", "", name).lower()


def names_triples(header: Sequence[str]) -> bool:
    """Whether a header names head, relation and tail, or head and tail."""
    try:
        columns_of(header, TRIPLES, PurePosixPath())  # type: ignore[arg-type]
    except InputError:
        return looks_like_header(header)
    return True


def may_be_header(first: Sequence[str], table: str) -> bool:
    """Whether the first line of a file may be the header of a table of entities.

    It has a usual word for ids or names in it, or four or more different words, none of them a number; it does not name
    head, relation and tail. Of three words or fewer, which may be a triple, the first must be that of ids or names, or
    two of them usual.

    Args:
        first: fields of the line.
        table: name of the table.
    """
    words = [bare(name) for name in first]
    if len(first) < 2 or names_triples(first) or len({*filter(None, words)}) < len(words) - words.count(""):
        return False
    known = {*IDS, *NAMES, *_own_ids(table)}
    if len(first) < 4:
        usual = {"name", "title", *PICTURES, *OTHERS, *known} - {"label"}
        return words[0] in known - {*WEAK} or len(usual.intersection(words)) > 1
    return not known.isdisjoint(words) or not any(map(_NUMBER.fullmatch, words))


def is_certain(header: Sequence[str], table: str) -> bool:
    """Whether a header has the usual name of an id, and that of a name, a picture or the like."""
    words = {bare(name) for name in header}
    ids = {*IDS, *_own_ids(table)}
    return not ids.isdisjoint(words) and not {*NAMES, *PICTURES, *OTHERS}.isdisjoint(words - ids)


def id_column(columns: Mapping[str, Column], table: str) -> str | None:
    """The column of the ids: one with a usual name, the first one, that of the names, or one that ends in ``id``.

    ``None`` if no such column has a text in every row, and each only once, or if that with the usual name does not.
    """
    by_word = {bare(name): name for name in reversed(list(columns))}
    usual = [by_word[word] for word in (*_own_ids(table), *IDS) if word in by_word]
    first = [name for name in list(columns)[:1] if name.strip()]
    named = [by_word[word] for word in NAMES if word in by_word]
    others = [name for name in columns if bare(name).endswith("id")]
    stated = [name for name in usual if bare(name) not in WEAK]
    for name in dict.fromkeys(stated or (*usual, *first, *named, *others)):
        if is_unique(columns[name]):
            return name
    return None


def usual_id(columns: Mapping[str, Column], table: str) -> str | None:
    """The first column with a usual name of ids, whether its texts are unique or not; else the first column."""
    by_word = {bare(name): name for name in reversed(list(columns))}
    found = next((by_word[word] for word in (*_own_ids(table), *IDS) if word in by_word), None)
    return found or next(iter(columns), None)


def is_unique(column: Column) -> bool:
    """Whether every row has a text, and no two the same."""
    return all(column) and len(set(column)) == len(column)


def name_column(columns: Mapping[str, Column], table: str, key: str) -> str | None:
    """The column of the names, other than the ids; ``None`` without one."""
    words = (*NAMES, f"{bare(_singular(table))}name", f"{bare(table)}name")
    return _called(columns, words, key, lambda column: True)


def picture_column(columns: Mapping[str, Column], key: str) -> str | None:
    """The column of the pictures: one with a usual name, or one that holds names of picture files only."""
    usual = _called(columns, PICTURES, key, lambda column: any(column))
    if usual is not None:
        return usual
    return next((name for name, column in columns.items() if name != key and _all_pictures(column)), None)


def base_of(name: str) -> str:
    """The name of a column without ``id``, ``ids``, ``ref``, ``uri`` or ``key`` at its end: ``brand`` of brand_id."""
    word = bare(name)
    found = re.fullmatch(r"(.+?)(?:ids?|refs?|uris?|iris?|keys?)", word)
    return found[1] if found and found[1] else word


def refers_to(name: str, table: str) -> bool:
    """Whether a column is named after a table: ``brand``, ``brand_id`` or ``brands`` for the table ``brands``."""
    return _singular(base_of(name)) == bare(_singular(table))


def _called(
    columns: Mapping[str, Column], words: Sequence[str], key: str, fits: Callable[[Column], bool]
) -> str | None:
    by_word = {bare(name): name for name in reversed(list(columns)) if name != key}
    return next((by_word[word] for word in words if word in by_word and fits(columns[by_word[word]])), None)


def _all_pictures(column: Column) -> bool:
    texts = [text for text in column if text]
    return bool(texts) and all(map(_PICTURE_FILE.fullmatch, texts))


def _own_ids(table: str) -> tuple[str, ...]:
    """Names of ids after the table: ``productid`` and ``productsid`` for the table ``products``."""
    return tuple(f"{word}id" for word in dict.fromkeys((bare(_singular(table)), bare(table))) if word)


def _singular(word: str) -> str:
    """A word without the ending of a plural."""
    if word.lower().endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-1] if word.lower().endswith("s") and not word.lower().endswith("ss") and len(word) > 3 else word
