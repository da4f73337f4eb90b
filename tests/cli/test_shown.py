"""What the command line prints of a run."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from mmkg.cli import shown


@pytest.mark.parametrize("lowest, printed", [(0.99999, "0.999"), (0.8125, "0.812"), (0.5, "0.5")])
def test_the_threshold_of_the_next_step_keeps_every_sure_link(lowest, printed, capsys, monkeypatch):
    monkeypatch.setattr(shown, "show_confidence", lambda result: None)
    summary = SimpleNamespace(text=lambda: "8 sure links", sure=8, same_as=lowest)
    shown.print_found(SimpleNamespace(summary=lambda: summary), Path("runs/x"))
    out = capsys.readouterr().out
    assert f"mmkg match runs/x --threshold {printed} --format sssom" in out and float(printed) <= lowest
    assert "mmkg review runs/x" in out
