"""The newcomer's path: what is read of the page, and how its steps are timed."""

import sys
from pathlib import Path

import pytest

PAGE = """# Page

`a.csv`, from one source:

```text
id,name
1,x
```

`b.csv`, from another:

```text
id,title
2,y
```

```
mmkg align a.csv b.csv --out runs/x   # a comment
mmkg review runs/x
```

```text
mmkg says 1 link
```
"""


@pytest.fixture
def tool(load_tool):
    return load_tool("newcomer")


def test_files_and_commands_are_those_of_the_page(tool):
    assert tool.files(PAGE) == {"a.csv": "id,name\n1,x\n", "b.csv": "id,title\n2,y\n"}
    assert tool.commands(PAGE) == [["mmkg", "align", "a.csv", "b.csv", "--out", "runs/x"]]


def test_the_page_of_the_site_has_two_files_and_leads_to_links(tool):
    page = tool.PAGE.read_text(encoding="utf-8")
    assert sorted(tool.files(page)) == ["museums.csv", "sights.csv"]
    assert [words[1] for words in tool.commands(page)] == ["describe", "align", "match", "explain"]


def test_the_last_row_is_the_sum(tool):
    assert tool.table([("one", 1.0, 0.5), ("two", 2.5, 0.25)]).splitlines()[2:] == [
        "| one | 1.0 | 0.5 |",
        "| two | 2.5 | 0.2 |",
        "| all | 3.5 | 0.8 |",
    ]


def test_a_command_is_timed_with_what_it_prints_and_a_failure_ends_all(tool, tmp_path):
    seconds, cpu, output = tool.timed([sys.executable, "-c", "import os; print(os.getcwd())"], tmp_path)
    assert seconds > 0 and cpu > 0 and Path(output.strip()) == tmp_path.resolve()
    with pytest.raises(SystemExit, match="ended with 3"):
        tool.timed([sys.executable, "-c", "raise SystemExit(3)"], tmp_path)
