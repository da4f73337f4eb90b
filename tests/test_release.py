"""What a release needs: the form of the changelog, one version, and archives that are the same bytes each time."""

import importlib.util
import os
import re
from datetime import date
from pathlib import Path

import pytest
from packaging.version import Version

import mmkg

ROOT = Path(__file__).parents[1]
SECTIONS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]  # of keepachangelog.com, in its order


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def faults(text):
    """What is wrong with the form of a changelog."""
    found, releases, sections = [], [], []
    for line in text.splitlines():
        if release := re.fullmatch(r"## \[(Unreleased|\d+\.\d+\.\d+)\](?: - (\d{4}-\d\d-\d\d))?", line):
            if (release[1] == "Unreleased") != (release[2] is None):
                found.append(f"{line}: a release has a date, and nothing else has one")
            elif release[2]:
                date.fromisoformat(release[2])
            releases.append(release)
            sections = []
        elif line.startswith("## "):
            found.append(f"{line}: neither Unreleased nor a version in brackets")
        elif line.startswith("### "):
            sections.append(line[4:])
            if sections != [name for name in SECTIONS if name in sections]:
                found.append(f"{line}: unknown, there twice, or out of order")
        elif line and sections and not line.startswith(("- ", "  ")):
            found.append(f"{line}: neither an entry nor the rest of one")
    if not releases or releases[0][1] != "Unreleased":
        found.append("Unreleased is not the first")
    numbered = [(Version(each[1]), each[2]) for each in releases if each[1] != "Unreleased"]
    if numbered != sorted(numbered, reverse=True):
        found.append("the newest release is not the first")
    return found


def test_the_changelog_has_the_form_of_keep_a_changelog():
    text = text_of("CHANGELOG.md")
    assert text.startswith("# Changelog\n") and faults(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "## [0.1.0] - 2026-01-01\n",
        "## [Unreleased]\n## [0.1.0]\n",
        "## [Unreleased]\n## 0.1.0 - 2026-01-01\n",
        "## [Unreleased]\n## [0.1.0] - 2026-01-01\n## [0.2.0] - 2026-02-01\n",
        "## [Unreleased]\n### Faster\n- x\n",
        "## [Unreleased]\n### Fixed\n- x\n### Added\n- y\n",
        "## [Unreleased]\n### Added\nx\n",
    ],
)
def test_other_forms_are_found(text):
    assert len(faults(text)) == 1


def test_the_version_is_that_of_the_newest_release_of_the_changelog():
    """The next one stands under Unreleased; nothing is numbered before the first release."""
    numbers = re.findall(r"^## \[(\d[\d.]*)\]", text_of("CHANGELOG.md"), flags=re.MULTILINE)
    assert not numbers or numbers[0] == mmkg.__version__


def test_the_dockerfile_installs_the_pinned_torch():
    pinned = re.search(r"^torch==.+$", text_of("constraints.txt"), flags=re.MULTILINE)[0]
    assert f" {pinned} " in text_of("Dockerfile")


@pytest.fixture
def setup_file(monkeypatch):
    """The module of setup.py; nothing is built."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    spec = importlib.util.spec_from_file_location("setup_of_mmkg", ROOT / "setup.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_sdist_does_not_depend_on_time_umask_or_order(setup_file, tmp_path, monkeypatch):
    from setuptools.dist import Distribution

    files = {"a.py": 0o644, "b.py": 0o600, "run": 0o755}
    archives = []
    for place, order, time in (("one", list(files), 1e9), ("two", list(files)[::-1], 1.5e9)):
        folder = tmp_path / place / "mmkg-1"
        folder.mkdir(parents=True, mode=0o777 if place == "one" else 0o700)
        for name in order:
            (folder / name).write_text(name)
            (folder / name).chmod(files[name] if place == "one" else files[name] & 0o700)
            os.utime(folder / name, (time, time))
        monkeypatch.chdir(folder.parent)
        command = setup_file.StableSdist(Distribution())
        archives.append(Path(command.make_archive("mmkg-1", "gztar", base_dir="mmkg-1")).read_bytes())
    assert archives[0] == archives[1]
    assert int.from_bytes(archives[0][4:8], "little") == 1700000000  # the time in the header of gzip, RFC 1952
