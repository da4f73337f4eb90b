"""Imports go one way: the stages know what came before them, never what comes after."""

import ast
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parents[1] / "mmkg"

# Room -> the rooms it may import from, besides those that are open to all. A room may only name rooms above it in
# this table, so that imports run one way. A room is a folder, or a module outside of folders; in data/ it is a
# folder or module inside. "" is mmkg/__init__.py. "data" stands for every room of data/.
OPEN_TO_ALL = ("version", "errors", "typing", "records", "modalities", "printing", "progress", "settings", "files")
OPEN_TO_ALL += ("schema", "folders", "compute", "registry")
GRAPHS = ("data.texts", "data.kg", "data.task", "data.split", "data.entities")
ROOMS: dict[str, tuple[str, ...]] = {
    "version": (),
    "errors": (),
    "typing": (),
    "records": ("errors",),
    "modalities": (),
    "printing": (),
    "progress": ("printing",),
    "files": ("errors",),
    "schema": ("errors",),
    "folders": ("errors", "files", "schema"),
    "compute": ("errors", "typing"),
    "registry": ("compute",),
    "callbacks": ("errors",),
    "settings": ("errors",),
    # records of graphs, and what models read of them
    "data.texts": (),
    "data.kg": ("data.texts",),
    "data.task": ("data.kg",),
    "data.split": ("data.task",),
    "data.entities": ("data.texts", "data.kg"),
    "data.growth": ("data.texts", "data.kg"),
    "data.tensors": ("data.kg",),
    # files
    "data.parsing": GRAPHS,
    "data.unify": ("data.texts", "data.kg"),
    "data.arrays": (*GRAPHS, "data.parsing"),
    "data.features": (*GRAPHS, "data.parsing", "data.arrays", "data.tensors"),
    "data.relations": ("data.kg", "data.features"),
    "data.merge": ("data.texts", "data.kg", "data.parsing", "data.relations"),
    "data.conflicts": ("data.texts", "data.kg", "data.features", "data.relations", "data.merge"),
    "data.links": (*GRAPHS, "data.parsing"),
    "data.formats": (*GRAPHS, "data.parsing", "data.arrays", "data.links", "data.merge", "data.unify"),
    "data.pictures": (*GRAPHS, "data.parsing", "data.arrays", "data.formats"),
    "data.literals": (*GRAPHS, "data.features"),
    "data.describe": (*GRAPHS, "data.features", "data.literals"),
    "decisions": ("data",),
    "sources": (*GRAPHS, "data.links", "data.features"),
    # the learning half
    "losses": (),
    "encoders": ("data.tensors",),
    "fusion": ("data.tensors",),
    "models": ("data.tensors", "encoders", "fusion", "losses"),
    "training": ("data.tensors", "fusion", "losses", "models"),
    # the search half
    "search": (),
    "matching": ("search",),
    "evaluation": ("search",),
    "report": ("data", "matching", "evaluation"),
    "duplicates": ("data", "decisions", "search", "matching", "report"),
    "sentiment": ("data.tensors", "data.arrays", "encoders", "fusion", "losses", "training", "evaluation", "report"),
    # both halves
    "config": ("data.features", "search", "matching", "evaluation", "models", "training"),
    "learners": ("callbacks", "config", "data", "models", "training", "matching", "evaluation", "report"),
    "result": (
        "config",
        "data",
        "decisions",
        "fusion",
        "models",
        "search",
        "matching",
        "evaluation",
        "report",
        "learners",
    ),
    "review": ("data", "search", "matching", "evaluation", "report", "result"),
    "result.result": (
        "config",
        "data",
        "decisions",
        "evaluation",
        "matching",
        "report",
        "search",
        "learners",
        "result",
        "review",
    ),
    "serve": ("data", "decisions", "report", "result", "review"),
    "loading": ("config", "data", "decisions", "sources"),
    "crossfit": ("callbacks", "config", "data", "models", "matching", "learners", "result"),
    "stages": ("callbacks", "crossfit", "config", "data", "models", "evaluation", "report", "learners", "result"),
    "pipeline": (
        "callbacks",
        "stages",
        "config",
        "data",
        "models",
        "evaluation",
        "report",
        "learners",
        "result",
        "loading",
    ),
    "stores": ("data", "search", "matching", "result"),
    "aligner": ("data", "result", "pipeline"),
    "cluster": (
        "config",
        "data",
        "models",
        "search",
        "learners",
        "result",
        "loading",
        "stages",
        "pipeline",
    ),
    "several": ("data", "matching", "report", "result", "pipeline"),
    "": (
        "duplicates",
        "several",
        "config",
        "data",
        "sources",
        "search",
        "evaluation",
        "loading",
        "pipeline",
        "result",
        "aligner",
    ),
    "cli": (
        "serve",
        "review",
        "decisions",
        "stores",
        "review",
        "cluster",
        "duplicates",
        "several",
        "",
        "config",
        "data",
        "sources",
        "learners",
        "loading",
        "pipeline",
        "result",
        "report",
        "sentiment",
        "search",
        "evaluation",
    ),
    "__main__": ("cli",),
}
NESTED = ("data",)  # folders whose insides are rooms of their own

# package -> the only files or folders that may import it
RESERVED = {
    "faiss": ("search/faiss_module.py", "cli/doctor.py"),
    "torch_geometric": ("encoders/", "data/tensors/", "data/formats/pyg.py", "cli/doctor.py"),
    "networkx": ("data/", "matching/", "cli/doctor.py"),
    "sklearn": ("review/layout.py",),
    "ray": ("cluster/",),
    "fsspec": ("cluster/",),
    "tqdm": ("progress.py",),
    "scipy": ("data/", "matching/", "duplicates/", "several/", "evaluation/interval.py", "cli/doctor.py"),
}


def modules_of(root):
    """Path of every module below a package, by its dotted name."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = (root.name, *path.relative_to(root).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def room_of(module):
    """The room of a dotted name inside the package; a module may be a room of its own."""
    parts = module.split(".")[1:]
    if ".".join(parts[:2]) in ROOMS:
        return ".".join(parts[:2])
    return ".".join(parts[: 2 if parts and parts[0] in NESTED else 1])


def imported(path, root):
    """Dotted name and line of every import of a file, wherever it stands in it."""
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


def module_named(name, modules):
    """The module that a dotted name is, or is in; ``None`` outside the package."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name or None


def offences(root, rooms=None, reserved=RESERVED):
    """One ``file:line: what`` per import that points the wrong way."""
    rooms = ROOMS if rooms is None else rooms
    modules, found = modules_of(root), []
    for module, path in modules.items():
        relative = path.relative_to(root).as_posix()
        room = room_of(module)
        if room in NESTED:
            room = f"{room}.__init__"  # a folder of rooms has nothing in it but a docstring
        if room not in rooms and not room.endswith(".__init__"):
            found.append(f"{root.name}/{relative}:1: room {room!r} is not in the table of this test")
            continue
        allowed = (*rooms.get(room, ()), *OPEN_TO_ALL) if room not in OPEN_TO_ALL else rooms[room]
        for name, line in imported(path, root):
            package, place = name.partition(".")[0], f"{root.name}/{relative}:{line}"
            target = module_named(name, modules)
            if package == root.name:
                there = room_of(target or package)
                if there != room and there not in allowed and there.partition(".")[0] not in allowed:
                    inside = name.partition(".")[2]
                    found.append(f"{place}: {room or root.name} must not import {inside or f'{root.name} itself'}")
            elif package in reserved and not relative.startswith(reserved[package]):
                found.append(f"{place}: {package} may be imported in {', '.join(reserved[package])} only")
    return found


def circles(root):
    """The modules of each circle of imports, wherever in a file they stand."""
    modules = modules_of(root)
    graph = nx.DiGraph()
    for module, path in modules.items():
        for name, _ in imported(path, root):
            target = module_named(name, modules)
            if target and target != module:
                graph.add_edge(module, target)
    return sorted(sorted(each) for each in nx.strongly_connected_components(graph) if len(each) > 1)


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


def test_every_import_points_to_an_earlier_room():
    assert offences(ROOT) == []


def test_the_table_of_rooms_runs_one_way():
    names = list(ROOMS)
    for place, (room, allowed) in enumerate(ROOMS.items()):
        for other in allowed:
            inside = [each for each in names if each == other or (other in NESTED and each.startswith(f"{other}."))]
            assert inside, f"{room} may import {other!r}, which is no room"
            assert all(names.index(each) < place for each in inside), f"{room} may import {other!r}, which is below it"


def test_no_modules_import_each_other_in_a_circle():
    assert circles(ROOT) == []


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
        ("data/kg.py", "import mmkg.models\n", "1: data.kg must not import models"),
        ("data/kg.py", "from mmkg import training\n", "1: data.kg must not import training"),
        ("data/kg.py", "from .. import align\n", "1: data.kg must not import align"),
        ("data/kg.py", "import mmkg\n", "1: data.kg must not import mmkg itself"),
        ("data/kg.py", "import_module('mmkg.models')\n", "1: data.kg must not import models"),
        ("data/kg.py", "from .formats import read\n", "1: data.kg must not import data.formats.read"),
        ("data/links/a.py", "from ..formats.read import x\n", "1: data.links must not import data.formats.read.x"),
        ("fusion/a.py", "from ..data.kg import K\n", "1: fusion must not import data.kg.K"),
        ("fusion/a.py", "from ..data import kg\n", "1: fusion must not import data.kg"),
        ("pipeline.py", "from .cli import main\n", "1: pipeline must not import cli.main"),
        ("training/a.py", "def f():\n    from ..search import x\n", "2: training must not import search.x"),
        ("compute/a.py", "from ..files import x\n", "1: compute must not import files.x"),
        ("models/a.py", "import faiss\n", "1: faiss may be imported in search/faiss_module.py, cli/doctor.py only"),
        (
            "search/a.py",
            "from scipy import x\n",
            f"1: scipy may be imported in {', '.join(RESERVED['scipy'])} only",
        ),
        ("utils.py", "", "1: room 'utils' is not in the table of this test"),
    ],
)
def test_a_wrong_import_is_named_with_file_and_line(tmp_path, file, text, expected):
    names = ("data", "models", "training", "search", "losses", "cli", "data/formats", "fusion", "align")
    files = {f"{name}/__init__.py": "" for name in names if name != "align"}
    files |= {"__init__.py": "", "data/kg.py": "", "data/formats/read.py": "", "losses/x.py": "", "files.py": ""}
    assert offences(package(tmp_path, files | {file: text})) == [f"mmkg/{file}:{expected}"]


def test_imports_of_earlier_rooms_pass(tmp_path):
    files = {
        "__init__.py": "",
        "version.py": "",
        "typing.py": "",
        "data/__init__.py": "",
        "data/kg.py": "",
        "data/tensors/batch.py": "from ..kg import K\n",
        "fusion/a.py": "from ..data.tensors.batch import B\nfrom ..typing import F\nfrom .b import c\n",
        "fusion/b.py": "",
        "models/a.py": "from ..data.tensors import batch\nfrom ..fusion import a\nfrom ..version import __version__\n",
        "search/faiss_module.py": "import faiss\nimport faiss.contrib\n",
        "encoders/gat.py": "from torch_geometric.nn import MessagePassing\n",
        "pipeline.py": "",
        "cli/app.py": "from .. import pipeline\nfrom . import doctor\n",
        "cli/doctor.py": "",
    }
    assert offences(package(tmp_path, files)) == []


def test_a_circle_is_found_inside_a_folder_and_inside_a_function(tmp_path):
    files = {"__init__.py": "", "search/a.py": "from .b import x\n", "search/b.py": "def f():\n    from .a import y\n"}
    assert circles(package(tmp_path, files)) == [["mmkg.search.a", "mmkg.search.b"]]


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
