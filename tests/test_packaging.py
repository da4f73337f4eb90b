"""The package files say what the folders hold."""

import ast
import configparser
import importlib.metadata
import re
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from setuptools import find_namespace_packages

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def setup():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def lines(text):
    return [line.strip() for line in text.splitlines() if line.strip()]


def words(text):
    return [word.strip() for word in re.split(r"[,\n]", text) if word.strip()]


def pins():
    found = {}
    for line in lines((ROOT / "constraints.txt").read_text(encoding="utf-8")):
        if not line.startswith("#"):
            name, _, version = line.partition("==")
            found[name] = version
    return found


def test_every_folder_of_the_library_is_found(setup):
    """As the build finds them: with the embedded data, and no folder forgotten."""
    assert setup["options"]["packages"].strip() == "find_namespace:"
    found = set(find_namespace_packages(str(ROOT), include=lines(setup["options.packages.find"]["include"])))
    folders = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "mmkg").rglob("*.py")}
    assert found >= folders
    assert found - folders == {"mmkg.datasets", "mmkg.datasets.characters", "mmkg.datasets.emoji"}


def test_every_folder_with_python_files_has_an_init():
    for path in (ROOT / "mmkg").rglob("*.py"):
        assert (path.parent / "__init__.py").is_file(), path


def test_every_file_that_is_not_python_is_package_data(setup):
    declared = set()
    for package, patterns in setup["options.package_data"].items():
        for pattern in words(patterns):
            matched = {path for path in ROOT.joinpath(*package.split(".")).glob(pattern) if path.is_file()}
            assert matched, f"{package}: {pattern} matches nothing"
            declared |= matched
    folders = [ROOT / "mmkg", ROOT / "mmkg" / "datasets"]  # the second is a link
    files = {path for folder in folders for path in folder.rglob("*") if path.is_file()}
    assert {path for path in files if path.suffix not in (".py", ".pyc")} == declared


def imported():
    """Top-level packages that the library imports, also inside functions, with the files that do."""
    found = {}
    for path in sorted((ROOT / "mmkg").rglob("*.py")):
        names = []
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.append(node.module)
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
                names += [node.args[0].value] if isinstance(node.args[0], ast.Constant) else []
        for name in names:
            found.setdefault(name.partition(".")[0], set()).add(path.relative_to(ROOT).as_posix())
    return {name: files for name, files in found.items() if name and name not in {"mmkg", *sys.stdlib_module_names}}


def test_every_package_that_is_imported_is_declared(setup):
    """As a dependency or in an extra for users; ``dev`` does not count."""
    extras = {name: text for name, text in setup["options.extras_require"].items() if name != "dev"}
    declared = {
        canonicalize_name(Requirement(line).name)
        for text in (setup["options"]["install_requires"], *extras.values())
        for line in lines(text)
    }
    known = importlib.metadata.packages_distributions()
    for name, files in imported().items():
        distributions = {canonicalize_name(each) for each in known.get(name, [name])}
        assert distributions & declared, f"{name}, imported in {sorted(files)}, is not declared in setup.cfg"


# tested against fakes of their documented calls
FAKED = {"mlflow>=2.9", "wandb>=0.17"}


def test_the_development_extra_has_what_the_other_extras_have(setup):
    extras = {name: set(lines(text)) for name, text in setup["options.extras_require"].items()}
    assert set().union(*extras.values()) - FAKED == extras["dev"]


def test_the_extra_all_has_what_users_need_and_no_tools_of_development(setup):
    extras = {name: set(lines(text)) for name, text in setup["options.extras_require"].items()}
    own = {"all", "dev", "bench", "emoji", "tensorboard", "mlflow", "wandb"}
    assert set().union(*(packages for name, packages in extras.items() if name not in own)) == extras["all"]


def test_licence_files_exist_and_those_of_embedded_data_are_all_named(setup):
    named = words(setup["metadata"]["license_files"])
    for name in named:
        assert (ROOT / name).is_file(), name
    found = {path.relative_to(ROOT).as_posix() for path in (ROOT / "datasets").glob("*/*")}
    assert {name for name in found if not name.endswith((".tsv", ".npz", "SHA256SUMS"))} == set(named) - {"LICENSE"}


def test_constraints_pin_one_version_each_and_torch_first():
    found = pins()
    assert next(iter(found)) == "torch"
    for name, version in found.items():
        assert name == canonicalize_name(name)
        assert re.fullmatch(r"[0-9][0-9a-z.]*", version), f"{name}=={version}"


def test_the_pins_satisfy_what_setup_cfg_asks_for(setup):
    extras = setup["options.extras_require"]
    requirements = [
        setup["options"]["install_requires"],
        *(extras[name] for name in ("dev", "emoji", "rdf", "parquet", "hdf5", "fetch", "image", "text")),
    ]
    found = pins()
    for requirement in (Requirement(line) for text in requirements for line in lines(text)):
        version = found[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(Version(version)), f"{requirement} does not admit {version}"


def test_the_base_install_leaves_the_faiss_build_to_the_user(setup):
    """faiss-cpu and faiss-gpu put the same files in place: only one may ever be asked for."""
    asked = [setup["options"]["install_requires"], *setup["options.extras_require"].values()]
    names = {Requirement(line).name for text in asked for line in lines(text)}
    assert {name for name in names if name.startswith("faiss")} == {"faiss-cpu"}


def test_make_targets_of_the_documentation_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {"demo", "test", "test-all", "lint", "bench"} <= targets


def test_names_of_test_files_are_unique():
    """pytest imports them by their names alone."""
    names = sorted(path.name for path in (ROOT / "tests").rglob("*.py") if path.name != "conftest.py")
    assert [name for name, after in pairwise(names) if name == after] == []
