"""Settings: nested plain values from TOML and ``key=value``, and dataclasses made of them, misspelt keys refused."""

import dataclasses
import functools
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
import pydantic
import pydantic.dataclasses
from pydantic import BeforeValidator, Field

from .errors import InputError, UsageError, brief, nearest

C = TypeVar("C")

# ranges that several configurations use
Count = Annotated[int, Field(ge=1)]  # at least one
CountOrNone = Annotated[int, Field(ge=0)]  # zero = none, or no limit
Size = Annotated[int, Field(ge=2)]  # width of a part that is halved or projected
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]


def bytes_of(value: Any) -> Any:
    """A number of bytes from a text such as ``2GB`` or ``512 MiB``; anything else is returned as it is.

    Raises:
        ValueError: a text of another form.
    """
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", value.lower())
    if found is None or (found[3] and not found[2]):
        raise ValueError("expected a number of bytes such as 2GB, 512MB or 1.5 GiB")
    return round(float(found[1]) * (1024 if found[3] else 1000) ** " kmgt".index(found[2] or " "))


def shown_bytes(number: float) -> str:
    """A number of bytes as text with three digits, e.g. ``2.05 GB``."""
    units = ["B", "kB", "MB", "GB", "TB"]
    while number >= 999.5 and len(units) > 1:
        number /= 1000
        del units[0]
    return f"{number:.3g} {units[0]}"


Bytes = Annotated[int, BeforeValidator(bytes_of), Field(ge=1)]  # also a text with a unit


def check_seed(seed: Any) -> int:
    """The seed, if NumPy and torch both take it."""
    seed = plain_value(seed)
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**32:
        raise UsageError(f"seed: expected a whole number in 0..{2**32 - 1}, got {brief(seed)}")
    return seed


def plain_value(value: Any, expected: Any = None) -> Any:
    """A setting in the types of Python: numbers and arrays of NumPy converted, one text where several are expected."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    one_of_several = isinstance(value, str) and "," not in value and expected == tuple[str, ...]
    return (value,) if one_of_several else value


def names_in(names: Any, what: str) -> list[str]:
    """A list of names, of which there may be one.

    Raises:
        UsageError: something else than a name or several names, or several in one text.
    """
    given = [names] if isinstance(names, str) else list(names) if isinstance(names, Iterable) else [names]
    if not all(isinstance(name, str) for name in given):
        raise UsageError(f"{what} must be a name or several names, got {brief(names)}")
    if several := next((name for name in given if "," in name), None):
        parts = [part.strip() for part in several.split(",") if part.strip()]
        raise UsageError(f"{what} must be a name or a list of names, got {brief(several)}; give {brief(parts)}")
    return [str(name) for name in given]


def nested(settings: Any, what: str = "settings") -> dict[str, Any]:
    """Settings as nested values; ``{"training.epochs": 5}`` means ``{"training": {"epochs": 5}}``.

    Raises:
        UsageError: not a mapping of names to values, or a section that is also a single value.
    """
    if not isinstance(settings, Mapping) or not all(isinstance(key, str) for key in settings):
        raise UsageError(f'{what} must map names to values, e.g. {{"training.epochs": 50}}, got {brief(settings)}')
    found: dict[str, Any] = {}
    for key, value in settings.items():
        *sections, last = key.split(".")
        place = found
        for section in sections:
            if not isinstance(inner := place.setdefault(section, {}), dict):
                raise UsageError(f"{key!r} is no setting: {section!r} is a single value")
            place = inner
        value = nested(value, key) if isinstance(value, Mapping) else plain_value(value)
        before = place.get(last)
        if isinstance(before, dict) and not isinstance(value, dict):
            raise UsageError(f"{key!r} is no setting: it is a section and a single value")
        place[last] = merged(before, value) if isinstance(before, dict) else value
    return found


def check_keys(values: Mapping[str, Any], known: Iterable[str], section: str = "") -> None:
    """Refuse a key that is not known.

    Raises:
        UsageError: names the key, in its section, and the nearest known one.
    """
    known = list(known)
    for key in values:
        if key not in known:
            place = f"{section}.{key}" if section else repr(key)
            raise UsageError(f"unknown configuration key {place}; {nearest(str(key), known)}")


def merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Nested values with nested changes on top; what the changes do not name stays."""
    result = dict(values)
    for key, value in nested(changes).items():
        before = result.get(key)
        both = isinstance(before, Mapping) and isinstance(value, Mapping)
        result[key] = merged(before, value) if both else value  # type: ignore[arg-type]
    return result


def read_toml(path: str | Path) -> dict[str, Any]:
    """Nested values of a TOML file.

    Raises:
        InputError: no such file, it cannot be read, or it is not TOML.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError("no such configuration file", path) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path) from None
    except RecursionError:
        raise InputError("not a TOML file: values nested too deeply", path) from None
    except ValueError as error:  # of TOML, of UTF-8, or a number with too many digits
        raise InputError(f"not a TOML file: {error}", path) from None


def with_settings(values: Mapping[str, Any], settings: Iterable[str]) -> dict[str, Any]:
    """Values with ``key=value`` settings on top, e.g. ``training.epochs=5``; a value is TOML or bare text."""
    result = {key: dict(value) if isinstance(value, Mapping) else value for key, value in values.items()}
    for setting in settings:
        key, sign, text = setting.partition("=")
        if not sign or not key:
            raise UsageError(f"expected key=value, got {brief(setting)}")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        place: dict[str, Any] = result
        *sections, last = key.strip().split(".")
        for section in sections:
            inner = place.get(section, {})
            if not isinstance(inner, dict):
                raise UsageError(f"{key!r} is no setting: {section!r} is a single value")
            place[section] = dict(inner)
            place = place[section]
        place[last] = value
    return result


def parse(default: C, values: Any, section: str) -> C:
    """A configuration of the class of ``default`` with some fields changed; nested configurations too.

    Args:
        default: a dataclass instance.
        values: nested plain values; what they do not name keeps its default.
        section: where they stand, for messages.

    Raises:
        UsageError: an unknown key (the message names the nearest one) or a value that does not fit.
    """
    if not isinstance(values, Mapping):
        raise UsageError(f"{section} is a section of settings, got {brief(values)}")
    cls = type(default)
    types = {f.name: f.type for f in dataclasses.fields(default)}  # type: ignore[arg-type]
    known = list(types)
    check_keys(values, known, section)
    changed: dict[str, Any] = {}
    for key, value in values.items():
        inner = getattr(default, key)
        if dataclasses.is_dataclass(inner):
            changed[key] = parse(inner, value, f"{section}.{key}")
        else:
            changed[key] = plain_value(value, types[key])
    merged = {name: getattr(default, name) for name in known} | changed
    try:
        parsed: C = pydantic.TypeAdapter(cls).validate_python(merged)
    except pydantic.ValidationError as error:
        raise UsageError(_first_fault(error, section, known)) from None
    return parsed


def configuration(cls: type[C]) -> type[C]:
    """Class decorator: a frozen dataclass whose types and constraints are checked when it is built.

    Constraints are pydantic's, e.g. ``epochs: Annotated[int, Field(ge=1)] = 50``. It stands above ``@dataclass``.

    Raises:
        UsageError: from the constructor, a value that does not fit; the message names the field.
    """
    checked: type[Any] = pydantic.dataclasses.dataclass(cls, frozen=True, config=pydantic.ConfigDict(extra="forbid"))
    checked.__doc__ = cls.__doc__
    names = [f.name for f in dataclasses.fields(checked)]
    types = {f.name: f.type for f in dataclasses.fields(checked)}
    build = checked.__init__

    @functools.wraps(build)
    def __init__(self: Any, *args: Any, **values: Any) -> None:
        given = {name: plain_value(value, types.get(name)) for name, value in values.items()}
        try:
            build(self, *map(plain_value, args), **given)
        except pydantic.ValidationError as error:
            raise UsageError(_first_fault(error, "", names)) from None

    checked.__init__ = __init__
    return checked


def _first_fault(error: pydantic.ValidationError, section: str, names: Sequence[str]) -> str:
    """The first of the faults that pydantic found, in one line."""
    first = error.errors()[0]
    place = [
        names[part] if isinstance(part, int) and not depth else str(part) for depth, part in enumerate(first["loc"])
    ]
    if isinstance(own := first.get("ctx", {}).get("error"), UsageError):  # raised by the configuration itself
        inside = ".".join(part for part in (section, *place) if part)
        return f"{inside}: {own}" if inside else str(own)
    if first["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return f"unknown setting {place[-1]!r}; {nearest(place[-1], names)}"
    message = f"{first['msg'][:1].lower()}{first['msg'][1:]}, got {brief(first['input'])}"
    return f"{'.'.join(part for part in (section, *place) if part)}: {message}"


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Nested values that TOML and JSON can hold: ``None`` left out, tuples as lists."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found[key] = plain(value)
        elif value is not None:
            found[key] = list(value) if isinstance(value, tuple) else value
    return found
