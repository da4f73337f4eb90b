import gc
import importlib
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import settings

settings.register_profile("steady", deadline=None)  # a busy machine is no fault
settings.load_profile("steady")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # spinning threads make small runs six times slower
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # each process of several has a core


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the tests marked slow too")


def pytest_collection_finish(session):
    """Keep the tests themselves out of every garbage collection: these are many, and some tests collect often."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(config, items):
    if config.getoption("--slow"):
        return
    skip = pytest.mark.skip(reason="slow; give --slow to run it")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command in this process: exit code, stdout and stderr."""
    from mmkg.cli import app as cli

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["mmkg", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code or 0
        out, err = capsys.readouterr()
        return SimpleNamespace(code=code, out=out, err=err)

    return run


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Tests leave the cache of the user alone."""
    os.environ["MMKG_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def mmkg_data():
    """Folder of real data: the variable MMKG_DATA, else ../shared/data beside the checkout."""
    folder = Path(os.environ.get("MMKG_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder}; set MMKG_DATA")
    return folder


@pytest.fixture(scope="session")
def small_task():
    """Noisy twins with every modality."""
    from small import twins

    return twins()


@pytest.fixture(scope="session")
def small_result(small_task):
    """A short MEAformer run on them; nobody may change it."""
    from small import SETTINGS

    import mmkg

    return mmkg.align(small_task, "meaformer", seed=0, settings=SETTINGS)


@pytest.fixture(scope="session")
def small_run(small_result, tmp_path_factory):
    """Its run folder; nobody may write to it."""
    return small_result.save(tmp_path_factory.mktemp("runs") / "small")


@pytest.fixture
def load_tool(monkeypatch):
    """Imports a script of tools/ by its name."""
    for folder in sorted((Path(__file__).parents[1] / "tools").iterdir()):
        if folder.is_dir():
            monkeypatch.syspath_prepend(str(folder))
    return importlib.import_module
