import pytest

ADD = "def twice(x):\n    return 2 * x\n\n\ndef unused(x):\n    return x + 1\n"
TEST = "from mmkg.room.add import twice\n\n\ndef test_it():\n    assert twice(3) == 6\n"


@pytest.fixture
def tool(load_tool):
    return load_tool("mutants")


@pytest.fixture
def copy(tmp_path):
    """A package that is called mmkg too, with one room and one test."""
    for name, text in {
        "mmkg/room/add.py": ADD,
        "tests/room/test_add.py": TEST,
        "tests/room/test_other.py": TEST,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for name in ("mmkg", "mmkg/room"):
        (tmp_path / name / "__init__.py").touch()
    return tmp_path


def test_a_fault_is_killed_or_survives_or_is_stale_and_the_file_is_as_before(tool, copy):
    tests = ["tests/room/test_add.py"]
    assert tool.outcome_of(tests, copy) == 0
    for old, new, expected in (
        ("2 * x", "3 * x", "killed"),
        ("x + 1", "x - 1", "survived"),
        ("return", "yield", "stale"),
    ):
        assert tool.judged(tool.Fault("room/add.py", old, new), copy, tests) == expected
        assert (copy / "mmkg/room/add.py").read_text() == ADD
    assert tool.judged(tool.Fault("room/gone.py", "x", "y"), copy, tests) == "stale"


def test_the_tests_of_the_changed_file_run_first(tool, copy):
    fault = tool.Fault("room/other.py", "", "")
    assert tool.tests_of(fault, root=copy) == ["tests/room/test_other.py", "tests/room/test_add.py"]
    assert tool.tests_of(fault, own=True, root=copy) == ["tests/room/test_other.py"]


def test_most_faults_of_the_list_can_be_made(tool):
    faults = tool.read_faults()
    texts = {each.file: (tool.ROOT / "mmkg" / each.file).read_text(encoding="utf-8") for each in faults}
    stale = [each for each in faults if texts[each.file].count(each.old) != 1 or each.new in ("", each.old)]
    assert len(faults) > 100 and len(stale) <= len(faults) // 20, stale
    assert {each.room for each in faults} >= {"fusion", "losses", "models", "search", "matching", "evaluation"}
    assert all(tool.tests_of(each) for each in faults)


def test_a_room_without_faults_is_refused(tool, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["mutants.py", "kitchen"])
    with pytest.raises(SystemExit):
        tool.main()
    assert "no fault in kitchen; rooms: fusion, losses, models" in capsys.readouterr().err
