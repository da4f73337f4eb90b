"""Messages name settings in the words of the reader: arguments in Python, options on the command line."""

import ast
import pickle
import re
from pathlib import Path

import pytest

import mmkg
from mmkg.cli.app import _run
from mmkg.errors import MANY, ON_CPU, SKIP, Advice, InputError, MmkgError, Setting, UsageError

ROOT = Path(__file__).parents[1] / "mmkg"


@pytest.mark.parametrize(
    ("setting", "python", "command_line"),
    [
        (SKIP, "on_error='skip'", "--set data.on_error=skip"),
        (MANY, "one_to_one=False", "--set data.one_to_one=false"),
        (ON_CPU, "device='cpu'", "--device cpu"),
        (Setting("search.index", "exact", argument="kind"), "kind='exact'", "--set search.index=exact"),
        (Setting("data.format", "FORMAT"), "format=FORMAT", "--set data.format=FORMAT"),
        (Setting("data.images", "FILE", option="--images"), "images=FILE", "--images FILE"),
        (Setting("k", 10), "k=10", "--set k=10"),
        (
            Setting("data.graphs", ("LEFT", "RIGHT")),
            "graphs=(LEFT, RIGHT)",
            """--set 'data.graphs=["LEFT", "RIGHT"]'""",
        ),
    ],
)
def test_a_setting_is_an_argument_or_an_option(setting, python, command_line):
    assert (setting.in_python(), setting.on_command_line()) == (python, command_line)


def test_an_error_has_its_place_what_is_wrong_and_what_to_do():
    error = InputError("expected a, got {b}", "f.tsv", 3, advice=Advice("remove one, or pass {}", SKIP))
    assert str(error) == "f.tsv:3: expected a, got {b}; remove one, or pass on_error='skip'"
    assert error.on_command_line() == "f.tsv:3: expected a, got {b}; remove one, or pass --set data.on_error=skip"
    assert error.reason == "expected a, got {b}" and error.line == 3
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    for plain in (UsageError("no"), InputError("no"), MmkgError("no")):
        assert str(plain) == plain.on_command_line() == "no"


def test_the_command_line_may_offer_something_else():
    error = UsageError("too large", advice=Advice("give k=10", command_line="use the matcher greedy"))
    assert (str(error), error.on_command_line()) == ("too large; give k=10", "too large; use the matcher greedy")


FILES = {
    "left.tsv": "a\tr\tb\nb\tr\tc\n",
    "right.tsv": "x\tr\ty\ny\tr\tz\n",
    "twice.tsv": "a\tx\na\tx\n",
    "many.tsv": "a\tx\na\ty\n",
    "odd.csv": "one,two,three\na,r,b\n",
    "left.dat": "a\tr\tb\n",
    **{f"mmkb/{name}_EntityTriples.txt": "a r b .\n" for name in "XYZ"},
}
CASES = [
    (["left.tsv", "right.tsv", "--links", "twice.tsv"], "remove one, or pass --set data.on_error=skip"),
    (["left.tsv", "right.tsv", "--links", "many.tsv"], "or --set data.one_to_one=false to keep both"),
    (["odd.csv", "right.tsv", "--set", "data.header=true"], """--set 'data.columns=["HEAD", "RELATION", "TAIL"]'"""),
    (["mmkb"], """name two of them: --set 'data.graphs=["LEFT", "RIGHT"]'"""),
    (["left.dat", "right.tsv"], "name its format, one of "),
    (["left.dat", "right.tsv"], "--set data.format=FORMAT"),
]


@pytest.mark.parametrize(("words", "advice"), CASES)
def test_the_command_line_is_answered_in_its_own_words(tmp_path, monkeypatch, capsys, words, advice):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["mmkg", "describe", *words])
    assert _run() in (1, 2)
    shown = capsys.readouterr().err
    assert advice in shown and ARGUMENT.search(shown) is None


def test_python_is_answered_in_its_own_words(tmp_path):
    for name, text in FILES.items():
        if "/" not in name:
            (tmp_path / name).write_text(text, encoding="utf-8")
    sides = (tmp_path / "left.tsv", tmp_path / "right.tsv")
    with pytest.raises(InputError, match="pass on_error='skip' to keep the first, or one_to_one=False to keep both"):
        mmkg.load(sides, links=str(tmp_path / "many.tsv"))


# a Python argument with its value, or a request to give one
ARGUMENT = re.compile(r"(?<![.\w\-\['])[a-z][a-z_]+=(?:'|\(|\[|None\b|True\b|False\b)|\b(?:pass|give|with) [a-z_]+=")


def texts(path):
    """Texts of a module that are no docstrings, with their lines."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docs = {id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, documented) and is_text(node.body[0])}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "Advice"]
    docs |= {id(inner) for call in calls for inner in ast.walk(call) if any(k.arg for k in call.keywords)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.lineno, node.value


def is_text(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def test_no_message_names_an_argument_of_python():
    """``Advice`` and ``Setting`` name it in both worlds; an advice with a text of its own is exempt."""
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in sorted(ROOT.rglob("*.py"))
        for line, text in texts(path)
        if ARGUMENT.search(text)
    ]
    assert found == []
    assert (
        ARGUMENT.search("pass on_error='skip'")
        and ARGUMENT.search("or one_to_one=False")
        and ARGUMENT.search("give k=1")
    )
