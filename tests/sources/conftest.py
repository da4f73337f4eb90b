import importlib
from pathlib import Path

import pytest


@pytest.fixture
def pairs_tool(monkeypatch):
    """Import a module of tools/pairs by its name, as its scripts do."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "tools" / "pairs"))
    return importlib.import_module
