import json
import re

import pytest
from commands import example, one_line


@pytest.fixture(autouse=True)
def no_network(monkeypatch, tmp_path):
    monkeypatch.setattr("mmkg.sources.fetch.download", lambda url, path, **_: pytest.fail("no download expected"))
    monkeypatch.chdir(tmp_path)


def test_the_example_of_the_help_lists_the_data_sets(run):
    assert example("fetch") == ["fetch", "--list"]
    done = run(*example("fetch"))
    assert done.code == 0 and re.search(r"^openea +OpenEA v2\.0: ", done.out, flags=re.MULTILINE)


def test_a_file_that_is_missing_is_named_with_status_1(run):
    done = run("fetch", "openea", "--to", "FOLDER", "--verify")
    assert one_line(done, 1) == "mmkg: FOLDER/OpenEA_dataset_v2.0.zip: missing\n"
    done = run("fetch", "openea", "--to", "FOLDER", "--verify", "--json")
    assert done.code == 1 and done.err == ""
    assert json.loads(done.out) == {
        "folder": "FOLDER",
        "files": 1,
        "without_published_hash": 0,
        "problems": ["FOLDER/OpenEA_dataset_v2.0.zip: missing"],
    }


def test_without_a_name_the_data_sets_are_named(run):
    assert "expected the name of a data set; known: openea, dbp15k" in one_line(run("fetch"), 2)
    assert "unknown data set 'opnea'; did you mean 'openea'" in one_line(run("fetch", "opnea"), 2)
    assert "no.toml" in one_line(run("fetch", "openea", "--sources", "no.toml"), 1)
