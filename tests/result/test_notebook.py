"""What a notebook shows of a run: the example of the documentation, run in a kernel."""

from dataclasses import replace
from pathlib import Path

import nbclient
import nbformat
import pytest

from mmkg.result.embeddings import Embeddings

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def shown():
    """The outputs of each cell of code."""
    notebook = nbformat.read(ROOT / "docs" / "notebook.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "outputs of a notebook are not kept"
    nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": ROOT}}
    ).execute()
    return [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]


def html_of(outputs):
    return "".join(each["data"].get("text/html", "") for each in outputs if "data" in each)


def test_a_result_is_a_table_of_links_with_bars(shown):
    text = html_of(shown[0])
    assert "<strong>emoji-fr-en \u00b7 propagation</strong>" in text and "Hits@1 left to right" in text
    assert "sure links" in text and text.count("<tr>") == 11 and 'title="structure ' in text


def test_steps_of_a_run_are_shown_while_it_runs(shown):
    text = "".join(each["text"] for each in shown[0] if each.output_type == "stream" and each.name == "stderr")
    assert "embed: " in text and "match: " in text and "Traceback" not in text


def test_an_explanation_is_a_waterfall(shown):
    text = html_of(shown[1])
    assert "is matched to" in text and "margin-left:" in text and "Next best for" in text


def test_answers_are_a_table_and_the_page_is_in_a_frame(shown):
    assert "structure" in html_of(shown[2]) and html_of(shown[3]).startswith("<iframe srcdoc=")


def test_a_result_that_has_searched_nothing_is_shown_without_a_search(small_result):
    old = small_result.embeddings
    fresh = replace(small_result, embeddings=Embeddings(old.left, old.right, old.widths))
    text = fresh._repr_html_()
    assert "<table" not in text and "entities" in text and not fresh.searcher.has_lists()
