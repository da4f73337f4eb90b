import io
import os
import stat
import tarfile
import zipfile
from functools import partial

import pytest

from mmkg.errors import InputError


@pytest.fixture
def archives(load_tool):
    return load_tool("mmkg.sources.archives")


def make_zip(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content, *kind in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            info.external_attr = ((kind[0] if kind else stat.S_IFREG) | 0o644) << 16
            archive.writestr(info, content)
    return path


def make_tar(path, members, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, content, *rest in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for key, value in (rest[0] if rest else {}).items():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(content))
    return path


def files_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


GOOD = [("a/ent_links", b"1\t2\n"), ("a/b/rel.txt", b"x" * 5000), ("top", b"")]


@pytest.mark.parametrize("form", ["zip", "stored", "tar", "tar.gz", "tgz", "tar.bz2", "tar.xz"])
def test_an_honest_archive_is_unpacked_whole_with_its_hashes(archives, tmp_path, form):
    from mmkg.files import sha256_file

    path = tmp_path / f"data.{'zip' if form == 'stored' else form}"
    if "zip" in path.name:
        make_zip(path, GOOD, zipfile.ZIP_STORED if form == "stored" else zipfile.ZIP_DEFLATED)
    else:
        make_tar(
            path, [("a", b"", {"type": tarfile.DIRTYPE}), *GOOD], {"tar": "w", "tgz": "w:gz"}.get(form, f"w:{form[4:]}")
        )
    digests = archives.unpack(path, tmp_path / "out")
    assert files_of(tmp_path / "out") == dict(GOOD)
    assert digests == {name: sha256_file(tmp_path / "out" / name) for name, _ in GOOD}
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([path.name, "out"])
    with pytest.raises(InputError, match="expected no such folder yet"):
        archives.unpack(path, tmp_path / "out")


LINK = {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}
OUTSIDE = "expected a path inside the archive, got"
SPECIAL = "expected files and folders, got the link or device"
ZIPS = {
    "up and out": ([("../evil", b"x")], OUTSIDE),
    "up in the middle": ([("a/../../evil", b"x")], OUTSIDE),
    "up and in again": ([("a/../b", b"x")], OUTSIDE),
    "absolute": ([("/tmp/evil", b"x")], OUTSIDE),
    "drive": ([("C:/evil", b"x")], OUTSIDE),
    "backslashes": ([("..\\evil", b"x")], OUTSIDE),
    "control characters": ([("a\nb", b"x")], OUTSIDE),
    "a long name": ([("a" * 300, b"x")], OUTSIDE),
    "a deep name": ([("a/" * 600 + "x", b"x")], OUTSIDE),
    "the folder itself": ([(".", b"x")], OUTSIDE),
    "a symlink": ([("a", b"/etc/passwd", stat.S_IFLNK)], SPECIAL),
    "a device": ([("a", b"", stat.S_IFCHR)], SPECIAL),
    "a pipe": ([("a", b"", stat.S_IFIFO)], SPECIAL),
    "twice": ([("a", b"x"), ("a", b"y")], "expected unique members, got 'a' and 'a'"),
    "twice but for case": ([("Data", b"x"), ("data", b"y")], "expected unique members, got 'Data' and 'data'"),
    "twice but for accents": ([("caf\u00e9", b"x"), ("cafe\u0301", b"y")], "expected unique members"),
    "a file that is a folder": ([("a", b"x"), ("a/b", b"y")], "expected a file or a folder called 'a/b', got both"),
    "a folder that is a file": ([("a/b", b"x"), ("a", b"y")], "expected a file or a folder called 'a', got both"),
    "a bomb": ([("zeros", b"\0" * (8 << 20))], "bytes after decompression, got more at 'zeros'"),
    "a bomb in pieces": ([(f"{k}", b"\0" * (1 << 20)) for k in range(8)], "bytes after decompression, got more"),
    "too many": ([(f"{k}", b"") for k in range(301)], "expected at most 300 members"),
}
TARS = {
    "up and out": ([("../evil", b"x")], OUTSIDE),
    "absolute": ([("/tmp/evil", b"x")], OUTSIDE),
    "a symlink": ([("a", b"", LINK)], SPECIAL),
    "a symlink and a file through it": ([("a", b"", LINK | {"linkname": ".."}), ("a/evil", b"x")], SPECIAL),
    "a hard link": ([("a", b"", {"type": tarfile.LNKTYPE, "linkname": "../../etc/passwd"})], SPECIAL),
    "a device": ([("a", b"", {"type": tarfile.CHRTYPE})], SPECIAL),
    "a block device": ([("a", b"", {"type": tarfile.BLKTYPE})], SPECIAL),
    "a pipe": ([("a", b"", {"type": tarfile.FIFOTYPE})], SPECIAL),
    "twice": ([("a", b"x"), ("a", b"y")], "expected unique members"),
    "a bomb": ([("zeros", b"\0" * (8 << 20))], "bytes after decompression, got more at 'zeros'"),
}
CASES = [("zip", name) for name in ZIPS] + [("tar.gz", name) for name in TARS]


@pytest.mark.parametrize(("form", "name"), CASES)
@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_a_hostile_archive_is_refused_and_nothing_is_left(archives, tmp_path, form, name):
    members, message = (ZIPS if form == "zip" else TARS)[name]
    place = tmp_path / "in" / "deep"
    place.mkdir(parents=True)
    path = (make_zip if form == "zip" else make_tar)(place / f"data.{form}", [("first", b"1"), *members])
    with pytest.raises(InputError, match=message) as caught:
        archives.unpack(path, place / "out", archives.Limits(members=300))
    assert str(path) in str(caught.value)
    assert [each.relative_to(tmp_path).as_posix() for each in sorted(tmp_path.rglob("*"))] == [
        "in", "in/deep", f"in/deep/data.{form}",
    ]  # fmt: skip


def test_permissions_of_members_are_not_taken_over(archives, tmp_path):
    members = [("run", b"x", {"mode": 0o6777, "uid": 0})]
    archives.unpack(make_tar(tmp_path / "d.tar", members, "w"), tmp_path / "out")
    assert not stat.S_IMODE((tmp_path / "out" / "run").stat().st_mode) & 0o7111


def test_a_size_that_the_header_hides_is_found_while_reading(archives, tmp_path):
    path = make_zip(tmp_path / "d.zip", [("a", b"\0" * (6 << 20))])
    data = bytearray(path.read_bytes())
    real = (6 << 20).to_bytes(4, "little")
    while (at := data.find(real)) >= 0:
        data[at : at + 4] = (10).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(InputError):
        archives.unpack(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_every_cut_of_an_archive_is_refused(archives, tmp_path):
    content = os.urandom(3000)
    makers = {"zip": make_zip, "tar": partial(make_tar, mode="w"), "tar.gz": make_tar}
    makers |= {f"tar.{each}": partial(make_tar, mode=f"w:{each}") for each in ("bz2", "xz")}
    for form, make in makers.items():
        whole = make(tmp_path / f"whole.{form}", [("a", content), ("b", content)]).read_bytes()
        size = 2 * (512 + 3072) if form == "tar" else len(whole)  # zeros follow
        for cut in [*range(0, size, max(size // 14, 1)), size if form == "tar" else size - 1]:
            path = tmp_path / f"cut.{form}"
            path.write_bytes(whole[:cut])
            with pytest.raises(InputError, match="damaged"):
                archives.unpack(path, tmp_path / "out")
            assert not (tmp_path / "out").exists()


def test_what_follows_the_end_of_a_tar_is_not_unpacked(archives, tmp_path):
    path = make_tar(tmp_path / "d.tar", [("a", b"x")], "w")
    path.write_bytes(path.read_bytes() + os.urandom(2 << 20))
    with pytest.raises(InputError, match="expected nothing after the last member"):
        archives.unpack(path, tmp_path / "out")


def test_flipped_bytes_are_found(archives, tmp_path):
    path = make_zip(tmp_path / "d.zip", [("a", b"some text " * 100)])
    data = bytearray(path.read_bytes())
    data[45] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"damaged|cannot be unpacked"):
        archives.unpack(path, tmp_path / "out")


def test_a_password_is_no_way_in(archives, tmp_path):
    path = make_zip(tmp_path / "d.zip", [("a", b"x")])
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="cannot be unpacked: .*password"):
        archives.unpack(path, tmp_path / "out")


@pytest.mark.parametrize("shift", [1, 50, 2**31 - 1])
def test_a_zip_whose_members_lie_before_its_beginning_is_damaged(archives, tmp_path, shift):
    path = make_zip(tmp_path / "x.zip", GOOD)
    data = bytearray(path.read_bytes())
    end = data.rindex(b"PK\5\6")
    offset = int.from_bytes(data[end + 16 : end + 20], "little")
    data[end + 16 : end + 20] = (offset + shift).to_bytes(4, "little")  # where the directory begins
    path.write_bytes(data)
    with pytest.raises(InputError, match="got a damaged one"):
        archives.unpack(path, tmp_path / "out")
    assert [each.name for each in tmp_path.iterdir()] == ["x.zip"]
