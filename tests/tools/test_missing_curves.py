import json

import pytest


def test_every_variant_has_a_curve_and_its_area(load_tool, monkeypatch, capsys):
    tool, asked = load_tool("missing_curves"), []

    def runs(args, model, change):
        asked.append((model, change.settings))
        args.protocol = "as said"
        ratio = float(change.settings[0].partition("=")[2])
        return [{"metrics": {"left_to_right": {"hits@1": ratio / (1 + seed)}}} for seed in (0, 1)]

    monkeypatch.setattr(tool.sweep, "runs", runs)
    words = ["pair", "--models", "mclea", "--variants", "none,generator+tag", "--ratios", "0,0.5,1"]
    tool.main([*words, "--json"])
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["variant"] for row in rows] == ["none", "generator+tag"]
    assert rows[0]["hits@1"] == [[0, 0], [0.5, 0.25], [1, 0.5]] and rows[0]["auilc"] == pytest.approx([0.5, 0.25])
    assert asked[4] == ("mclea", ("data.image_ratio=0.5", "options.fill=generator", "options.tag=true"))
    tool.main(words)
    assert "| none | mclea | 0.000 ± 0.000 | 0.375 ± 0.177 | 0.750 ± 0.354 | 0.375 ± 0.177 |" in capsys.readouterr().out
