"""FAISS that is missing, and FAISS that is there but broken, each with what to do."""

import sys

import pytest

from mmkg.errors import MissingPackageError
from mmkg.search.faiss_module import import_faiss


@pytest.fixture
def without_faiss(monkeypatch):
    for name in [each for each in sys.modules if each.partition(".")[0] == "faiss"]:
        monkeypatch.delitem(sys.modules, name)


def test_missing_faiss_is_to_be_installed(without_faiss, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(MissingPackageError, match="^this index needs FAISS: pip install faiss-cpu$"):
        import_faiss()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise ImportError('libfoo.so: wrong ELF class')", "wrong ELF class"),
        ("import a_package_that_is_not_there", "a_package_that_is_not_there"),
        ("raise OSError('libfoo.so is cut short')", "cut short"),
    ],
)
def test_broken_faiss_is_not_said_to_be_missing(without_faiss, monkeypatch, tmp_path, code, reason):
    (tmp_path / "faiss.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingPackageError, match=f"installed but cannot be imported .*{reason}.*mmkg doctor"):
        import_faiss()
