"""The built site, once for all tests of it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the site, built strictly and without network."""
    pytest.importorskip("mkdocs", reason="mkdocs is not installed")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "-q", "-f", "tools/site/mkdocs.yml", "-d", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "no_proxy": "*", "http_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    assert re.search(r"^\d{3} messages of errors on reference/messages.md$", done.stdout, flags=re.MULTILINE)
    return folder


@pytest.fixture(scope="session")
def tools():
    """Whether the modules of ``tools/site`` can be imported."""
    sys.path.insert(0, str(ROOT / "tools" / "site"))
    yield
    sys.path.remove(str(ROOT / "tools" / "site"))
