"""The text of every error that the library raises, found in its source."""

import ast
import itertools
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from mmkg import errors

ERRORS = {each: each for each in ("InputError", "UsageError", "MissingPackageError")} | {"bad": "InputError"}
VARIES = "\u2026"  # stands for what varies
DEEPEST = 4  # names and calls that are followed from an error to its text

Inside = tuple[ast.FunctionDef, ...]  # the functions around a call, the innermost last


class Message(NamedTuple):
    """One text of an error.

    Args:
        error: class of the error.
        text: its text with its advice; what varies is an ellipsis.
        path: file that raises it, below the root.
        about: first paragraph of the docstring of this file.
    """

    error: str
    text: str
    path: str
    about: str


class Source:
    """The modules of a package, in which the texts of errors are looked up.

    A text may stand at the error, be assigned to a name in its function, be returned by a function, or be an argument
    that others give to the function that raises it; all of these are followed.

    Args:
        root: folder that paths are relative to.
        files: the modules.
    """

    def __init__(self, root: Path, files: Iterable[Path]) -> None:
        self.raised: list[tuple[str, ast.Call, Inside]] = []  # the calls that make an error, with their file
        self.calls: dict[str, list[tuple[ast.Call, Inside]]] = {}  # by the name of what is called
        self.functions: dict[str, list[ast.FunctionDef]] = {}  # and methods, by name
        self.named_advice: dict[tuple[str, str], list[ast.expr]] = {}  # by name and file; of a constant without file
        self.about: dict[str, str] = {}  # the first paragraph of the docstring of a file
        for each in files:
            tree, path = ast.parse(each.read_text("utf-8")), each.relative_to(root).as_posix()
            self.about[path] = " ".join((ast.get_docstring(tree) or "").split("\n\n")[0].split())
            self._collect(path, tree, ())

    def _collect(self, path: str, node: ast.AST, inside: Inside) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call):
                name = called(child)
                self.calls.setdefault(name, []).append((child, inside))
                if name in ERRORS and child.args and not (inside and inside[-1].name == "bad"):
                    self.raised.append((path, child, inside))
            elif isinstance(child, ast.Assign) and called(child.value) == "Advice":
                for name in (getattr(each, "id", "") for each in child.targets):
                    self.named_advice.setdefault((name, "" if name.isupper() else path), []).append(child.value)
            elif isinstance(child, ast.FunctionDef):
                self.functions.setdefault(child.name, []).append(child)
            self._collect(path, child, (*inside, child) if isinstance(child, ast.FunctionDef) else inside)

    def messages(self) -> list[Message]:
        """Every text, sorted by file; the same text in a file once."""
        found = {}
        for path, call, inside in self.raised:
            for pieces in itertools.product(self.texts(call.args[0], inside), self.advice(call, path)):
                text = re.sub(f"{VARIES}+", VARIES, "".join(pieces).replace("{}", VARIES))
                if re.search(r"\w{3}", pieces[0]):
                    found[path, text] = Message(ERRORS[called(call)], text, path, self.about[path])
        return sorted(found.values(), key=lambda each: (each.path, each.text))

    def texts(
        self, node: ast.expr, inside: Inside = (), depth: int = 0, given: Mapping[str, list[str]] | None = None
    ) -> list[str]:
        """The texts that an expression can have; none if they come from outside of the library.

        Args:
            node: the expression.
            inside: the functions around it.
            depth: how many names and calls were followed so far.
            given: texts of the arguments of the function, where a call is followed.
        """
        match node:
            case ast.Constant(value=str(text)):
                return [re.sub(r"{[^}]+}", VARIES, text)]
            case ast.JoinedStr(values=values):
                parts = (self._part(each, depth, given or {}) for each in values)
                return ["".join(each) for each in itertools.product(*parts)]
            case ast.IfExp(body=one, orelse=other):
                return [*self.texts(one, inside, depth, given), *self.texts(other, inside, depth, given)]
            case ast.BinOp(left=one, op=ast.Add(), right=other):
                both = (self.texts(each, inside, depth, given) or [VARIES] for each in (one, other))
                return ["".join(each) for each in itertools.product(*both)]
            case ast.Name(id=name) if inside and depth < DEEPEST:
                return self._values(name, inside, depth + 1)
            case ast.Call() if depth < DEEPEST:
                return self._returned(node, inside, depth + 1)
        return []

    def _part(self, node: ast.expr, depth: int, given: Mapping[str, list[str]]) -> list[str]:
        if not isinstance(node, ast.FormattedValue):
            return self.texts(node)
        if called(node.value) == "nearest":
            return ["did you mean \u2026? known: \u2026"]
        return (given.get(node.value.id) if isinstance(node.value, ast.Name) else None) or [VARIES]

    def _values(self, name: str, inside: Inside, depth: int) -> list[str]:
        """What a name is assigned in the innermost function, and what callers give for it."""
        found = []
        for node in ast.walk(inside[-1]):
            if isinstance(node, ast.Assign) and name in (getattr(each, "id", "") for each in node.targets):
                found += self.texts(node.value, inside, depth)
        for function in inside:
            for call, around in self.calls.get(function.name, []):
                value = arguments(call, function).get(name)
                found += [] if value is None else self.texts(value, around, depth)
        return found

    def _returned(self, call: ast.Call, inside: Inside, depth: int) -> list[str]:
        """What the functions of the name of a call return for its arguments."""
        found = []
        for function in self.functions.get(called(call), []):
            values = arguments(call, function).items()
            given = {name: self.texts(value, inside, depth) for name, value in values}
            for node in ast.walk(function):
                if isinstance(node, ast.Return) and node.value is not None:
                    found += self.texts(node.value, (function,), depth, given)
        return found

    def advice(self, call: ast.Call, path: str) -> list[str]:
        """What an error says to do, in the words of the command line; a single empty text if nothing."""
        found = set()
        waiting = [each.value for each in call.keywords if each.arg == "advice"]
        while waiting:
            match waiting.pop():
                case ast.IfExp(body=one, orelse=other):
                    waiting += [one, other]
                case ast.Name(id=name):
                    waiting += self.named_advice.get((name, "" if name.isupper() else path), [])
                case ast.Call(args=[text, *settings], keywords=others) as made if called(made) == "Advice":
                    shown = [*map(setting, settings), *[VARIES] * 9]
                    for each in self.texts(next((each.value for each in others if each.arg == "command_line"), text)):
                        parts = itertools.zip_longest(each.split("{}"), shown[: each.count("{}")], fillvalue="")
                        found.add("; " + "".join(itertools.chain.from_iterable(parts)))
        return sorted(found) or [""]


def called(node: ast.AST) -> str:
    """The name of what a call calls, without what is before its last dot; empty if the node is no such call."""
    function = getattr(node, "func", None)
    return getattr(function, "id", getattr(function, "attr", ""))


def setting(node: ast.expr) -> str:
    """A setting that an advice names, as an option of the command line."""
    if isinstance(node, ast.Name):
        found = getattr(errors, node.id, None)
        return found.on_command_line() if isinstance(found, errors.Setting) else VARIES
    try:
        given = [ast.literal_eval(each) for each in getattr(node, "args", [])]
        named = {str(each.arg): ast.literal_eval(each.value) for each in getattr(node, "keywords", [])}
        return errors.Setting(*given, **named).on_command_line()
    except (ValueError, TypeError, AttributeError):  # its key or value varies
        return VARIES


def arguments(call: ast.Call, function: ast.FunctionDef) -> dict[str, ast.expr]:
    """The arguments of a call by the names that a function has for them."""
    names = [each.arg for each in function.args.args if each.arg not in ("self", "cls")]
    return dict(zip(names, call.args, strict=False)) | {each.arg: each.value for each in call.keywords if each.arg}
