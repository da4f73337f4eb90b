import contextlib
import io
import sys
from types import SimpleNamespace

import pytest
from small import FLAGS, write_dbp15k

from mmkg.cli import app as cli


@pytest.fixture(scope="session")
def pair(small_task, tmp_path_factory):
    return write_dbp15k(small_task, tmp_path_factory.mktemp("data") / "pair")


@pytest.fixture(scope="session")
def aligned(pair, tmp_path_factory):
    """`mmkg align --json` with its run folder."""
    folder = tmp_path_factory.mktemp("cli") / "run"
    words = ["align", str(pair), "--json", "--seed", "2", "--device", "cpu", "--out", str(folder), *FLAGS]
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr(sys, "argv", ["mmkg", *words])
        with pytest.raises(SystemExit) as stop:
            cli.main()
    assert not stop.value.code, err.getvalue()
    return SimpleNamespace(out=out.getvalue(), err=err.getvalue(), folder=folder, words=words)
