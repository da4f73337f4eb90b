import re
import sys

from small import twins


def test_compared_attributes_and_linked_entities_are_shown(load_tool, monkeypatch, capsys):
    tool = load_tool("mmkg.cli.inspect")
    monkeypatch.setattr(tool.mmkg, "load", lambda source, **_: twins())
    monkeypatch.setattr(sys, "argv", ["inspect_pair.py", "twins", "--links-shown", "2"])
    assert tool.main() == 0
    out = capsys.readouterr().out
    assert out.count("  =  ") == 2 and "compared by value" not in out
    monkeypatch.undo()
    monkeypatch.setattr(sys, "argv", ["inspect_pair.py", "emoji-fr-en", "--links-shown", "0", "--attributes", "1"])
    assert tool.main() == 0
    out = capsys.readouterr().out.partition("compared by value")[2].splitlines()
    assert len(out) == 2 and re.fullmatch(r"  \w+ = \w+ \([0-9]+ links.*\): [0-9. ]+", out[1])
