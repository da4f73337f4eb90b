"""Files that are small on disk and huge in memory are refused within their limit, whatever their format."""

import bz2
import gzip
import io
import resource
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from mmkg.data.arrays.by_id import read_images
from mmkg.data.arrays.by_name import read_named
from mmkg.data.formats.graphs import read_graph_data
from mmkg.data.links.formats import read_links
from mmkg.data.parsing.columns import ByteStream, Faults
from mmkg.data.parsing.limits import most_bytes
from mmkg.errors import InputError
from mmkg.loading import load

LIMIT = 100_000
TRIPLE = {
    "tsv": "a{0}\tr\tb{0}\n",
    "csv": "a{0},r,b{0}\n",
    "nt": "<http://e/a{0}> <http://e/r> <http://e/b{0}> .\n",
    "ttl": "<http://e/a{0}> <http://e/r> <http://e/b{0}> .\n",
}


def compressed(path, content):
    path.write_bytes((gzip if path.suffix == ".gz" else bz2).compress(content))
    return path


@pytest.mark.parametrize("end", ["gz", "bz2"])
@pytest.mark.parametrize("form", TRIPLE)
@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_a_graph_above_the_limit_is_refused_and_one_below_is_read(tmp_path, form, end, on_error):
    text = "".join(TRIPLE[form].format(number) for number in range(2000))
    path = compressed(tmp_path / f"g.{form}.{end}", text.encode())
    exact = len(text)
    found = read_graph_data(path, Faults(on_error, max_bytes=exact)).graph
    assert len(found.triples) == 2000
    with pytest.raises(InputError, match=f"at most {exact - 1:,} bytes after decompression.*data.max_bytes"):
        read_graph_data(path, Faults(on_error, max_bytes=exact - 1))


@pytest.mark.parametrize("form", [*TRIPLE, "rdf"])
@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_one_long_line_ends_at_the_limit(tmp_path, form, on_error):
    path = compressed(tmp_path / f"g.{form}.gz", b"a" * (8 << 20))
    with pytest.raises(InputError):
        read_graph_data(path, Faults(on_error, max_bytes=4 << 20))


@pytest.mark.parametrize("form", ["tsv", "csv", "jsonl", "sssom.tsv", "nt"])
def test_a_file_of_links_above_the_limit_is_refused(tmp_path, form):
    path = compressed(tmp_path / f"links.{form}.gz", b"#" + b"\n" * 200_000)
    with pytest.raises(InputError):
        read_links(path, faults=Faults("skip", max_bytes=LIMIT))


def test_the_default_limit_grows_with_the_file_and_no_plain_file_exceeds_it(tmp_path):
    path = tmp_path / "g.tsv"
    path.write_text("a\tr\tb\n")
    assert most_bytes(path) == (1 << 30) + 200 * 6 and most_bytes(path, 7) == 7
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 30)
    assert most_bytes(tmp_path / "large") == 16 << 30 and most_bytes(path, 20 << 30) == 20 << 30
    with ByteStream(path) as stream:
        assert stream.read() == b"a\tr\tb\n"


def test_the_setting_reaches_every_reader(tmp_path):
    for side in ("left", "right"):
        compressed(tmp_path / f"{side}.tsv.gz", b"a\tr\tb\n" * 30)
    (tmp_path / "links.tsv").write_text("a\ta\nb\tb\n")
    assert load(tmp_path, max_bytes=180, train_ratio=0.5, valid_ratio=0).left.num_entities == 2
    with pytest.raises(InputError, match="at most 179 bytes"):
        load(tmp_path, max_bytes=179)


def declared(shape, content=b""):
    """An array file of NumPy whose header declares a shape, and some content."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return file.getvalue() + content


def test_an_npz_that_declares_more_than_it_holds_is_refused_before_memory_is_reserved(tmp_path):
    for number, shape in enumerate([(1 << 30, 1 << 10), (3, 2), (0, 5)]):
        path = tmp_path / f"{number}.npz"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("features.npy", declared(shape, b"\0" * 12))
            archive.writestr("ids.npy", declared((3,), b"\0" * 12))
        with pytest.raises(InputError, match="features.npy of 12 bytes that declares"):
            read_images(path)


def test_compressed_features_have_the_limit_of_compressed_files(tmp_path):
    path = tmp_path / "f.npz"
    np.savez_compressed(path, ids=np.arange(10), features=np.zeros((10, 1000), np.float32))
    assert read_images(path, max_bytes=41_000).features.shape == (10, 1000)
    for read in (read_images, read_named):
        with pytest.raises(InputError, match="at most 40,000 bytes after decompression"):
            read(path, max_bytes=40_000)


def test_hdf5_that_declares_more_than_it_holds_is_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "X_ImageData.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("p", (1 << 40,), "f4", chunks=True)
    with pytest.raises(InputError, match="after decompression"):
        read_named(path)
    (tmp_path / "X_EntityTriples.txt").write_text("a r b .\n")
    (tmp_path / "X_ImageIndex.txt").write_text("a p\n")
    (tmp_path / "X_SameAsLink.txt").write_text("a SameAs a .\n")
    (tmp_path / "Y_EntityTriples.txt").write_text("a r b .\n")
    with pytest.raises(InputError, match="after decompression"):
        load(tmp_path)


@pytest.mark.parametrize("kind", ["external link", "soft link", "external data", "virtual data"])
def test_hdf5_of_mmkb_reads_no_other_file(tmp_path, kind):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["p"] = np.ones(3, np.float32)
    (tmp_path / "secret.bin").write_bytes(b"\0" * 12)
    with h5py.File(tmp_path / "X_ImageData.h5", "w") as file:
        if kind == "external link":
            file["p"] = h5py.ExternalLink(tmp_path / "secret.h5", "p")
        elif kind == "soft link":
            file["q"], file["p"] = np.ones(3, np.float32), h5py.SoftLink("/q")
        elif kind == "external data":
            file.create_dataset("p", (3,), "f4", external=[(str(tmp_path / "secret.bin"), 0, 12)])
        else:
            layout = h5py.VirtualLayout((3,), "f4")
            layout[:] = h5py.VirtualSource(tmp_path / "secret.h5", "p", (3,))
            file.create_virtual_dataset("p", layout)
    (tmp_path / "X_EntityTriples.txt").write_text("a r b .\n")
    (tmp_path / "X_ImageIndex.txt").write_text("a p\n")
    (tmp_path / "X_SameAsLink.txt").write_text("a SameAs a .\n")
    (tmp_path / "Y_EntityTriples.txt").write_text("a r b .\n")
    with pytest.raises(InputError, match="picture 'p'"):
        load(tmp_path)
    with pytest.raises(InputError, match="picture 'p'"):
        read_named(tmp_path / "X_ImageData.h5")


def test_parquet_with_texts_that_repeat_is_refused_by_their_plain_size(tmp_path):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    word = "a" * 1000
    columns = {name: [word] * 1000 for name in ("head", "relation", "tail")}
    path = tmp_path / "g.parquet"
    parquet.write_table(arrow.table(columns), path)
    assert path.stat().st_size < 15_000
    assert len(read_graph_data(path, Faults(max_bytes=3_010_000)).graph.triples) == 1000
    with pytest.raises(InputError, match="at most 2,999,999 bytes after decompression"):
        read_graph_data(path, Faults(max_bytes=2_999_999))
    columns["tail"] = [f"{number:01000}" for number in range(1000)]  # pages without a dictionary
    parquet.write_table(arrow.table(columns), path, use_dictionary=False, compression="zstd")
    with pytest.raises(InputError, match="at most 2,999,999 bytes after decompression"):
        read_graph_data(path, Faults(max_bytes=2_999_999))


MEASURED = """
import resource, sys
from mmkg.data.formats.graphs import read_graph_data
from mmkg.data.arrays.by_id import read_images
from mmkg.data.parsing.columns import Faults
from mmkg.errors import InputError
path = sys.argv[1]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    if path.endswith(".npz"):
        read_images(path, max_bytes=64 << 20)
    else:
        import pathlib
        read_graph_data(pathlib.Path(path), Faults("skip", max_bytes=64 << 20))
    print("read")
except InputError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def bombs(folder):
    """Files of less than 1 MB that hold 400 MB."""
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    size = 400 << 20
    with gzip.open(folder / "line.tsv.gz", "wb", compresslevel=6) as file:
        for _ in range(size >> 20):
            file.write(b"a" * (1 << 20))
    (folder / "line.csv.bz2").write_bytes(bz2.compress(b'"' + b"a" * (100 << 20)))
    np.savez_compressed(folder / "zeros.npz", ids=np.arange(100), features=np.zeros((100, 1 << 20), np.float32))
    column = arrow.DictionaryArray.from_arrays(np.zeros(4000, np.int32), ["a" * 100_000])
    parquet.write_table(arrow.table({name: column for name in ("head", "relation", "tail")}), folder / "words.parquet")
    return [path for path in folder.iterdir() if path.stat().st_size < (1 << 20)]


@pytest.mark.slow
def test_memory_stays_within_a_few_times_the_limit(tmp_path):
    found = bombs(tmp_path)
    assert len(found) == 4
    for path in found:
        command = [sys.executable, "-c", MEASURED, str(path)]
        message, grown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        assert "data.max_bytes" in message, path
        assert int(grown) * 1024 < 4 * (64 << 20), (path, grown)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss > 0
