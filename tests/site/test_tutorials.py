"""The tutorials run, and print what their text says."""

import os
import re
from pathlib import Path

import nbclient
import nbformat
import pytest

TUTORIALS = Path(__file__).parents[2] / "docs" / "tutorials"


def run(name):
    """What the cells of code of a tutorial print and show, as text."""
    notebook = nbformat.read(TUTORIALS / f"{name}.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "outputs of a notebook are not kept"
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    outputs = [each for cell in notebook.cells if cell.cell_type == "code" for each in cell.outputs]
    return "\n".join(each.get("text") or each["data"]["text/plain"] for each in outputs if "ename" not in each)


def test_all_tutorials_are_here():
    assert sorted(path.stem for path in TUTORIALS.glob("*.ipynb")) == ["dbp15k", "emoji", "rdf", "sentiment", "texts"]


def test_a_graph_from_texts_is_aligned_without_links():
    text = run("texts")
    for pair in (
        r"Ada Lovelace\s+Augusta Ada King-Noel",
        r"Alan Turing\s+Alan M\. Turing",
        "Lord Byron is matched to George",
    ):
        assert re.search(pair, text), pair


def test_twenty_links_find_most_others():
    found, number = map(int, re.search(r"(\d+) of (\d+) links found", run("rdf")).groups())
    assert found > 0.9 * number


def test_missing_vision_is_judged():
    errors = re.findall(r"^trained .* MAE (\d\.\d+)$", run("sentiment"), flags=re.MULTILINE)
    assert len(errors) == 2 and all(0 < float(error) < 3 for error in errors)


@pytest.mark.slow
def test_pictures_add_to_emoji_and_sure_matches_are_right():
    text = run("emoji")
    shown = dict(re.findall(r"^(with pictures|without) +Hits@1 (\d\.\d+)$", text, flags=re.MULTILINE))
    assert float(shown["with pictures"]) > float(shown["without"]) + 0.03
    assert float(re.search(r"are right \((\d\.\d+)\)", text)[1]) > 0.95


@pytest.mark.slow
@pytest.mark.skipif("MMKG_DATA" not in os.environ, reason="needs DBP15K in $MMKG_DATA")
def test_dbp15k_gives_the_figures_of_the_page():
    text = run("dbp15k")
    assert 0.70 < float(re.search(r"left_to_right \{'hits@1': (\d\.\d+)", text)[1]) < 0.76
