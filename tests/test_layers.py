"""Imports go one way: the stages know what came before them, never what comes after."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "mmkg"
OPEN_TO_ALL = {
    "typing",
    "seeding",
    "errors",
    "files",
    "settings",
    "blas",
    "devices",
    "products",
    "progress",
    "__version__",
}
EVERYTHING = None

# unit -> what it may import from mmkg, besides itself and what is open to all. "" is mmkg/__init__.py,
# "data.batch" is that module alone.
ALLOWED = {
    "": EVERYTHING,
    "typing": set(),
    "seeding": set(),
    "errors": set(),
    "files": set(),
    "settings": set(),
    "cli_options": set(),
    "devices": set(),
    "blas": set(),
    "products": set(),
    "progress": set(),
    "data": set(),
    "encoders": {"data.adjacency", "data.batch", "data.neighborhood"},
    "fusion": {"data.batch"},
    "losses": set(),
    "search": set(),
    "models": {"data", "encoders", "fusion", "losses"},
    "training": {"data", "losses", "models"},
    "matching": {"search"},
    "evaluation": {"search"},
    "report": {"data", "matching", "evaluation"},
    "sentiment": {"data", "encoders", "fusion", "losses", "training", "evaluation", "report", "cli_options"},
}
STAGES = {*ALLOWED, "config"} - {""}
ALLOWED |= {"config": STAGES, "result": STAGES | {"run_folder", "calibrate"}}
ALLOWED |= {"pipeline": STAGES | {"result", "learners", "validation", "pivots"}}
ALLOWED |= {"run_folder": STAGES | {"result"}, "calibrate": STAGES | {"result"}}
ALLOWED |= {"learners": STAGES | {"validation"}, "validation": STAGES, "pivots": STAGES}
ALLOWED |= {"aligner": STAGES | {"result", "pipeline"}}
ALLOWED |= {"cli": EVERYTHING, "doctor": EVERYTHING, "__main__": EVERYTHING}

# package -> the only files or folders that may import it
RESERVED = {
    "faiss": ("search/faiss_index.py", "doctor.py"),
    "torch_geometric": ("encoders/", "data/adjacency.py", "data/neighborhood.py", "data/pyg.py", "doctor.py"),
    "networkx": ("data/", "matching/", "doctor.py"),
    "scipy": ("data/", "matching/", "doctor.py"),
}


def imported(path, root):
    """Absolute dotted name and line of every import of a file, wherever it stands in it."""
    parts = (root.name, *path.relative_to(root).with_suffix("").parts)
    package = parts[:-1]  # also for __init__.py, whose own name is the package
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            for alias in node.names:
                yield f"{module}.{alias.name}", node.lineno
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module") and node.args:
            if isinstance(node.args[0], ast.Constant):
                yield str(node.args[0].value), node.lineno


def offences(root, allowed, reserved):
    """One ``file:line: what`` per import that points the wrong way."""
    found = []
    for path in sorted(root.rglob("*.py")):
        relative = path.relative_to(root).as_posix()
        unit = relative.partition("/")[0].removesuffix(".py")
        unit = "" if unit == "__init__" else unit
        if unit not in allowed:
            found.append(f"{root.name}/{relative}:1: unit {unit!r} is not in the table of this test")
            continue
        for name, line in imported(path, root):
            package, _, inside = name.partition(".")
            place = f"{root.name}/{relative}:{line}"
            if package == root.name:
                target = inside.partition(".")[0]
                single = {each for each in allowed[unit] or () if inside == each or inside.startswith(each + ".")}
                if not (allowed[unit] is EVERYTHING or target in {unit, *OPEN_TO_ALL} or single):
                    found.append(f"{place}: {unit} must not import {inside or f'{root.name} itself'}")
            elif package in reserved and not relative.startswith(reserved[package]):
                found.append(f"{place}: {package} may be imported in {', '.join(reserved[package])} only")
    return found


UNSAFE_NAMES = {"pickle.load", "pickle.loads", "torch.load", "joblib.load", "eval", "exec"}
UNSAFE_KEYWORDS = {("allow_pickle", True), ("weights_only", False)}


def unsafe_calls(root):
    """One ``file:line: what`` per call that could run code out of a data file."""
    found = []
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
            if not isinstance(node, ast.Call):
                continue
            place = f"{root.name}/{path.relative_to(root).as_posix()}:{node.lineno}"
            if ast.unparse(node.func) in UNSAFE_NAMES:
                found.append(f"{place}: {ast.unparse(node.func)}()")
            for keyword in node.keywords:
                value = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
                if (keyword.arg, value) in UNSAFE_KEYWORDS:
                    found.append(f"{place}: {keyword.arg}={value}")
    return found


def test_every_import_points_to_an_earlier_stage():
    assert offences(ROOT, ALLOWED, RESERVED) == []


def test_nothing_loads_code_from_a_data_file():
    assert unsafe_calls(ROOT) == []


def package(root, files):
    root = root / "mmkg"
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("search/a.py", "import torch\nfrom ..losses.x import y\n", "2: search must not import losses.x.y"),
        ("data/a.py", "import mmkg.models\n", "1: data must not import models"),
        ("data/a.py", "from mmkg import training\n", "1: data must not import training"),
        ("data/a.py", "from .. import align\n", "1: data must not import align"),
        ("data/a.py", "import mmkg\n", "1: data must not import mmkg itself"),
        ("data/a.py", "import_module('mmkg.models')\n", "1: data must not import models"),
        ("data/__init__.py", "from ..report import x\n", "1: data must not import report.x"),
        ("fusion/a.py", "from ..data.kg import K\n", "1: fusion must not import data.kg.K"),
        ("fusion/a.py", "from ..data import kg\n", "1: fusion must not import data.kg"),
        ("pipeline.py", "from .cli import main\n", "1: pipeline must not import cli.main"),
        ("training/a.py", "def f():\n    from ..search import x\n", "2: training must not import search.x"),
        ("models/a.py", "import faiss\n", "1: faiss may be imported in search/faiss_index.py, doctor.py only"),
        (
            "search/a.py",
            "from scipy import x\n",
            "1: scipy may be imported in data/, matching/, doctor.py only",
        ),
        ("utils.py", "", "1: unit 'utils' is not in the table of this test"),
    ],
)
def test_a_wrong_import_is_named_with_file_and_line(tmp_path, file, text, expected):
    assert offences(package(tmp_path, {file: text}), ALLOWED, RESERVED) == [f"mmkg/{file}:{expected}"]


def test_imports_of_earlier_stages_pass(tmp_path):
    files = {
        "fusion/a.py": "from ..data.batch import B\nfrom ..typing import F\nfrom .b import c\n",
        "models/a.py": "from ..data.kg import K\nfrom ..fusion import x\nfrom .. import __version__\n",
        "search/faiss_index.py": "import faiss\nimport faiss.contrib\n",
        "encoders/gat.py": "from torch_geometric.nn import MessagePassing\n",
        "cli.py": "from . import pipeline, doctor, sentiment\n",
    }
    assert offences(package(tmp_path, files), ALLOWED, RESERVED) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import pickle\npickle.load(f)\n", ["mmkg/a.py:2: pickle.load()"]),
        ("np.load(f, allow_pickle=True)\n", ["mmkg/a.py:1: allow_pickle=True"]),
        ("torch.load(f, weights_only=False)\n", ["mmkg/a.py:1: torch.load()", "mmkg/a.py:1: weights_only=False"]),
        ("np.load(f, allow_pickle=False)\nmodel.eval()\n", []),
    ],
)
def test_an_unsafe_call_is_named_with_file_and_line(tmp_path, text, expected):
    assert unsafe_calls(package(tmp_path, {"a.py": text})) == expected
