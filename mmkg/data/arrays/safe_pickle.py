"""Read pickled ``{id: vector}`` dictionaries, and nested dictionaries of arrays, without unpickling them.

A pickle is a program, and unpickling an untrusted file runs it. This module never calls ``pickle``: a small interpreter
executes the few instructions that a dictionary of NumPy arrays needs, and refuses all others. The six global names that
such files call are recognised and checked, never imported.
"""

import math
import pickletools
import re
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from struct import error as StructError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...compute.process import quiet
from ...errors import InputError

_DTYPES = ("f2", "f4", "f8")
_MORE_DTYPES = re.compile(r"[fiu][1248]|b1|U\d{1,6}|O8")  # allowed in nested dictionaries
_MAX_DEPTH = 6
_MAX_TUPLE = 16
_MAX_STACK = 1 << 16  # a batch of SETITEMS holds 1,000 keys and values
_LITERALS = frozenset(
    "BININT BININT1 BININT2 LONG1 NONE NEWTRUE NEWFALSE SHORT_BINUNICODE BINUNICODE BINUNICODE8 "
    "SHORT_BINBYTES BINBYTES BINBYTES8 BYTEARRAY8".split()
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}


class _Refused(Exception):
    """The pickle does not have the expected form; the message says what was found."""


@dataclass(frozen=True)
class _Name:
    """A global name that the file may call."""

    kind: str


_NAMES = {
    ("numpy", "ndarray"): _Name("ndarray"),
    ("numpy", "dtype"): _Name("dtype"),
    ("_codecs", "encode"): _Name("encode"),
    **{(f"numpy.{core}.multiarray", "scalar"): _Name("scalar") for core in ("core", "_core")},
    **{
        (f"numpy.{core}.{module}", name): _Name(kind)
        for core in ("core", "_core")
        for module, name, kind in (("multiarray", "_reconstruct", "array"), ("numeric", "_frombuffer", "frombuffer"))
    },
}


class _Mark:
    pass


class _Dtype:
    def __init__(self, code: str) -> None:
        self.objects = code == "O8"
        self.value = np.dtype("<" + code.removesuffix("8") if self.objects else "<" + code)


class _Array:
    value: NDArray[Any] | list[Any] | None = None  # a list is an array of objects


def read_vectors(data: bytes) -> dict[int, NDArray[Any]]:
    """Read a pickled dictionary of vectors, protocols 2 to 5, as written by Python 3 with NumPy 1 or 2.

    Keys are integers (or decimal strings) in 0..2**63-1; values are one-dimensional float16, float32 or
    float64 arrays. Time and memory are linear in ``len(data)``. The arrays are read-only views of it where
    the format allows.

    Raises:
        InputError: the pickle has any other content; no code of it was run.
    """
    try:
        with quiet(category=DeprecationWarning):  # about bad escapes in strings, which are refused below
            return _vectors(_Machine(data).run())
    except (_Refused, ValueError, OverflowError, IndexError, StructError) as error:
        raise InputError(
            f"expected a pickled dictionary of id -> float vector, {error or 'got a damaged file'}"
        ) from None


def read_nested(data: bytes) -> dict[str, Any]:
    """Read a pickled dictionary with string keys of dictionaries, lists, arrays, strings and numbers, up to six deep.

    MMSA feature files have this form: ``{"train": {"audio": float array [N, T, d], "id": [...], ...}, ...}``. Arrays of
    objects become lists. Protocols 2 to 5, as written by Python 3 with NumPy 1 or 2. Time and memory are linear in
    ``len(data)``.

    Raises:
        InputError: the pickle has any other content; no code of it was run.
    """
    try:
        with quiet(category=DeprecationWarning):
            value = _Machine(data, nested=True).run()
        if type(value) is not dict:
            raise _Refused(f"got a value of type {_kind(value)}")
        found: dict[str, Any] = _Plain(len(data)).copy(value)
        return found
    except (_Refused, ValueError, OverflowError, IndexError, TypeError, StructError) as error:
        raise InputError(f"expected a pickled dictionary of arrays, {error or 'got a damaged file'}") from None


class _Plain:
    """Copies a value, with plain Python and NumPy types in place of the interpreter's own.

    Args:
        budget: largest number of copied values, so that a value with many references to one part cannot explode.
    """

    def __init__(self, budget: int) -> None:
        self.budget = budget

    def copy(self, value: Any, depth: int = 0) -> Any:
        """The copy of a value at some depth of nesting."""
        self.budget -= 1
        if self.budget < 0 or depth > _MAX_DEPTH:
            raise _Refused("got one that is nested too deep or refers to itself")
        if isinstance(value, _Array):
            if value.value is None:
                raise _Refused("got an array without content")
            return self.copy(value.value, depth + 1) if isinstance(value.value, list) else value.value
        if isinstance(value, dict):
            return {key: self.copy(each, depth + 1) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.copy(each, depth + 1) for each in value]
        if value is None or isinstance(value, bool | int | float | str | bytes | np.generic):
            return value
        raise _Refused(f"got a value of type {_kind(value)}")


class _Machine:
    """Executes the instructions; the stack holds plain values, ``_Name``, ``_Dtype`` and ``_Array``."""

    def __init__(self, data: bytes, *, nested: bool = False) -> None:
        self.data = data
        self.nested = nested
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.budget = len(data)  # number of bytes that may still be copied

    def run(self) -> object:
        """The value on the stack at STOP."""
        source = BytesIO(self.data)
        argument: Any
        for number, (opcode, argument, position) in enumerate(pickletools.genops(source)):
            name = opcode.name
            if (number == 0) != (name == "PROTO") or (number == 0 and not 2 <= argument <= 5):
                raise _Refused("got another kind of file, or a pickle of a protocol other than 2 to 5")
            if name in _LITERALS or (name == "BINFLOAT" and self.nested):
                self.stack.append(_CONSTANTS.get(name, argument))
            elif name == "STOP":
                if source.tell() != len(self.data):
                    raise _Refused(f"got {len(self.data) - source.tell()} bytes after its end")
                if len(self.stack) != 1:
                    raise _Refused("got one that leaves more than one value")
                return self.stack[0]
            elif name == "FRAME":
                if argument > len(self.data) - source.tell():
                    raise _Refused("got a frame that is longer than the file")
            elif name != "PROTO":
                step = _STEPS.get(name) or (_NESTED_STEPS.get(name) if self.nested else None)
                if step is None:
                    raise _Refused(f"got the instruction {name} at byte {position}, which no such file needs")
                step(self, argument)
            if len(self.stack) > _MAX_STACK:
                raise _Refused("got one that is nested or stacked too deep")
        raise _Refused("got one that does not end")

    def pop(self) -> Any:
        if not self.stack or isinstance(self.stack[-1], _Mark):
            raise _Refused("got one that takes more values than it has")
        return self.stack.pop()

    def since_mark(self) -> list[Any]:
        place = next((i for i in range(len(self.stack) - 1, -1, -1) if isinstance(self.stack[i], _Mark)), None)
        if place is None:
            raise _Refused("got one that looks for a mark it did not set")
        values = self.stack[place + 1 :]
        del self.stack[place:]
        return values

    def tuple_of(self, values: list[Any]) -> None:
        nested = any(type(x) is tuple and any(type(y) is tuple for y in x) for x in values)
        if nested or len(values) > _MAX_TUPLE or any(isinstance(x, dict) for x in values):
            raise _Refused("got tuples that are nested or longer than an array needs")
        self.stack.append(tuple(values))

    def call_name(self, module: object, name: object) -> None:
        known = _NAMES.get((module, name)) if isinstance(module, str) and isinstance(name, str) else None
        if known is None:
            raise _Refused(f"got one that needs {module!s:.60}.{name!s:.60}, which no such file needs")
        self.stack.append(known)

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1] if self.stack else None
        if type(target) is not dict or len(items) % 2:
            raise _Refused("got items without a dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            sound = type(key) is str if self.nested else type(key) in (int, str) and isinstance(value, _Array)
            if not sound:
                raise _Refused(f"got the key {str(key)[:40]!r} with a value of type {_kind(value)}")
            target[key] = value

    def reduce(self) -> None:
        arguments, function = self.pop(), self.pop()
        if not isinstance(function, _Name) or type(arguments) is not tuple:
            raise _Refused(f"got a call of a value of type {_kind(function)}")
        match function.kind, arguments:
            case "array", (_Name("ndarray"), (0,), b"b"):
                self.stack.append(_Array())
            case "dtype", (str() as code, False | 0, True | 1) if code in _DTYPES or (
                self.nested and _MORE_DTYPES.fullmatch(code)
            ):
                self.stack.append(_Dtype(code))
            case "scalar", (_Dtype() as dtype, bytes() as raw) if self.nested and not dtype.objects:
                self.stack.append(_array(raw, dtype, (1,))[0])
            case "encode", (str() as text, "latin1"):
                self.budget -= len(text)
                if self.budget < 0:
                    raise _Refused("got one that copies more than it holds")
                self.stack.append(text.encode("latin1"))
            case "frombuffer", (bytes() | bytearray() as raw, _Dtype() as dtype, tuple() as shape, "C" | "F"):
                array = _Array()
                order = arguments[3]
                array.value = _array(raw, dtype, shape, order) if self.nested else _vector(raw, dtype, shape)
                self.stack.append(array)
            case _:
                raise _Refused(f"got a call of {function.kind} with arguments that no float vector needs")

    def build(self) -> None:
        state = self.pop()
        target = self.stack[-1] if self.stack else None
        match target, state:
            case _Array(value=None), (1, tuple() as shape, _Dtype() as dtype, bool() as fortran, bytes() as raw):
                order = "F" if fortran else "C"
                target.value = _array(raw, dtype, shape, order) if self.nested else _vector(raw, dtype, shape)
            case _Array(value=None), (1, (int() as size,), _Dtype(objects=True), bool(), list() as items) if (
                self.nested and size == len(items)
            ):
                target.value = items
            case _Dtype(), (3, ("<" | ">") as order, None, None, None, -1, -1, 0):
                target.value = target.value.newbyteorder(order)
            case _Dtype(), (3, "|", None, None, None, -1, -1, 0 | 63) if self.nested:
                pass
            case _Dtype(), (3, ("<" | ">") as order, None, None, None, int() as size, 4, 8) if (
                self.nested and size == target.value.itemsize
            ):
                target.value = target.value.newbyteorder(order)
            case _:
                raise _Refused(f"got a state for a value of type {_kind(target)} that no float vector needs")

    def append(self, items: list[Any]) -> None:
        if not self.stack or type(self.stack[-1]) is not list:
            raise _Refused("got items without a list")
        self.stack[-1].extend(items)

    def remember(self, index: int | None) -> None:
        if not self.stack:
            raise _Refused("got one that takes more values than it has")
        self.memo[len(self.memo) if index is None else index] = self.stack[-1]

    def recall(self, index: int) -> None:
        if index not in self.memo:
            raise _Refused(f"got a reference {index} to nothing")
        self.stack.append(self.memo[index])


_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": lambda m, _: m.stack.append(_Mark()),
    "EMPTY_DICT": lambda m, _: m.stack.append({}),
    "EMPTY_TUPLE": lambda m, _: m.tuple_of([]),
    "TUPLE1": lambda m, _: m.tuple_of([m.pop()]),
    "TUPLE2": lambda m, _: m.tuple_of([m.pop(), m.pop()][::-1]),
    "TUPLE3": lambda m, _: m.tuple_of([m.pop(), m.pop(), m.pop()][::-1]),
    "TUPLE": lambda m, _: m.tuple_of(m.since_mark()),
    "SETITEM": lambda m, _: m.set_items([m.pop(), m.pop()][::-1]),
    "SETITEMS": lambda m, _: m.set_items(m.since_mark()),
    "GLOBAL": lambda m, argument: m.call_name(*argument.split(" ", 1)),
    "STACK_GLOBAL": lambda m, _: m.call_name(*[m.pop(), m.pop()][::-1]),
    "REDUCE": lambda m, _: m.reduce(),
    "BUILD": lambda m, _: m.build(),
    "MEMOIZE": lambda m, _: m.remember(None),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), lambda m, argument: m.remember(argument)),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), lambda m, argument: m.recall(argument)),
}


_NESTED_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "EMPTY_LIST": lambda m, _: m.stack.append([]),
    "APPEND": lambda m, _: m.append([m.pop()]),
    "APPENDS": lambda m, _: m.append(m.since_mark()),
}


def _array(raw: bytes | bytearray, dtype: _Dtype, shape: tuple[Any, ...], order: str = "C") -> NDArray[Any]:
    sizes = all(type(size) is int and size >= 0 for size in shape)
    if dtype.objects or not sizes or math.prod(shape) * dtype.value.itemsize != len(raw):
        raise _Refused(f"got an array of shape {str(shape)[:40]} with {len(raw)} bytes")
    flat = np.frombuffer(raw, dtype.value) if len(raw) else np.empty(0, dtype.value)
    return flat.reshape(shape, order="F" if order == "F" else "C")


def _vector(raw: bytes | bytearray, dtype: _Dtype, shape: tuple[Any, ...]) -> NDArray[Any]:
    size = dtype.value.itemsize
    if len(shape) != 1 or type(shape[0]) is not int or shape[0] * size != len(raw) or shape[0] == 0:
        raise _Refused(f"got an array of shape {str(shape)[:40]} with {len(raw)} bytes in place of a vector")
    return np.frombuffer(raw, dtype.value)


def _vectors(value: object) -> dict[int, NDArray[Any]]:
    if type(value) is not dict:
        raise _Refused(f"got a value of type {_kind(value)}")
    vectors: dict[int, NDArray[Any]] = {}
    for key, array in value.items():
        number = int(key) if isinstance(key, str) and key.isascii() and key.isdigit() and len(key) < 20 else key
        if type(number) is not int or not 0 <= number < 2**63 or number in vectors:
            raise _Refused(f"got the key {str(key)[:40]!r} in place of an unused id in 0..2**63-1")
        if array.value is None:
            raise _Refused(f"got an array without content for id {number}")
        vectors[number] = array.value
    return vectors


def _kind(value: object) -> str:
    return type(value).__name__.lstrip("_").lower()
