"""Files at addresses: fetched before a run, written back whole or not at all."""

from pathlib import Path

import fsspec
import pytest

from mmkg.cluster import places
from mmkg.config.data import DataConfig
from mmkg.errors import InputError, MissingPackageError, UsageError


@pytest.fixture
def storage():
    """Object storage in memory."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


def put(system, path, text="x"):
    with system.open(path, "w") as file:
        file.write(text)


def text(path):
    return Path(path).read_text()


def test_a_pair_with_its_links_and_pictures_is_fetched(storage, tmp_path):
    put(storage, "/pair/left/rel_triples", "a\tb\tc\n")
    put(storage, "/pair/right.nt", "r")
    put(storage, "/links.tsv", "l")
    put(storage, "/pictures/a.png", "p")
    config = DataConfig(links="memory://links.tsv", images=("memory://pictures", str(tmp_path)))
    with places.fetched(("memory://pair/left", "memory://pair/right.nt"), config) as ((left, right), here):
        assert text(f"{left}/rel_triples") == "a\tb\tc\n"
        assert right.endswith("right.nt") and text(right) == "r"
        assert text(here.links) == "l" and here.links.endswith("links.tsv")
        assert text(f"{here.images[0]}/a.png") == "p" and here.images[1] == str(tmp_path)
        assert here.never is None
    assert not Path(right).exists()


@pytest.mark.parametrize("place", ["emoji-fr-en", "/data/pair", "http://host/sparql", "bolt://host", "C:/pair", None])
def test_other_places_stay_as_they_are(place):
    assert not places.is_address(place)
    with places.fetched(place, DataConfig()) as (here, config):
        assert here == place and config == DataConfig()


@pytest.mark.parametrize("address", ["s3://bucket/pair", "gs://b/x", "file:///tmp/run", "memory://x"])
def test_an_address_that_was_a_path_is_one_again(address):
    assert places.as_address(str(Path(address))) == address == places.as_address(address)


def test_a_path_is_no_address():
    assert places.as_address("/tmp/run") == "/tmp/run" and places.as_address("runs/a") == "runs/a"


def test_a_run_is_whole_or_not_there(storage, monkeypatch):
    order = []
    put_file = type(storage).put_file
    monkeypatch.setattr(
        type(storage), "put_file", lambda self, a, b, **rest: (order.append(b), put_file(self, a, b, **rest))[1]
    )

    def write(content, overwrite=False):
        with places.run_folder("memory://runs/first", overwrite) as folder:
            (folder / "manifest.json").write_text(content)
            (folder / "zz.tsv").write_text(content)

    write("one")
    assert storage.cat("/runs/first/zz.tsv") == b"one" and order[-1].endswith("manifest.json")
    with pytest.raises(UsageError, match="memory://runs/first holds a finished run already"):
        write("two")
    write("two", overwrite=True)
    assert storage.cat("/runs/first/manifest.json") == b"two"
    monkeypatch.setattr(type(storage), "put_file", lambda *given, **rest: 1 / 0)
    with pytest.raises(InputError, match=r"memory://runs/first: cannot be written \(ZeroDivisionError"):
        write("three", overwrite=True)
    assert not storage.exists("/runs/first/manifest.json")  # half of two runs is none


def test_a_run_that_failed_is_not_written(storage):
    with pytest.raises(KeyError), places.run_folder("memory://runs/none", False) as folder:
        (folder / "manifest.json").write_text("x")
        raise KeyError
    assert not storage.exists("/runs/none")


def test_a_path_is_written_to_directly(tmp_path):
    with places.run_folder(str(tmp_path / "run"), False) as folder:
        assert folder == tmp_path / "run"
    with places.run_folder(None, False) as folder:
        assert folder is None


@pytest.mark.parametrize(
    ("address", "error", "begin"),
    [
        ("memory://nothing", InputError, "memory://nothing: no such file or folder"),
        ("nosuch://bucket/x", UsageError, "nosuch://bucket/x: Protocol not known"),
        ("hdfs://host/x", MissingPackageError, "hdfs://host/x: "),
    ],
)
def test_a_wrong_address_is_one_line(storage, address, error, begin, monkeypatch):
    if error is MissingPackageError:  # as where the package of a storage is not installed
        monkeypatch.setattr(fsspec.core, "url_to_fs", lambda given: (_ for _ in ()).throw(ImportError("Install X")))
    with pytest.raises(error) as found, places.fetched(address, DataConfig()):
        pass
    assert str(found.value).startswith(begin) and "\n" not in str(found.value)
