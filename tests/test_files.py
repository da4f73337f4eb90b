import hashlib
import stat

import pytest

from mmkg.files import atomic_path, sha256_file, write_text


def test_body_that_raises_leaves_the_old_file_and_nothing_half_written(tmp_path):
    target = tmp_path / "model.bin"
    target.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="stop"), atomic_path(target) as temporary:
        temporary.write_bytes(b"half")
        raise RuntimeError("stop")
    assert [path.name for path in tmp_path.iterdir()] == ["model.bin"]
    assert target.read_bytes() == b"old"


def test_interrupt_leaves_nothing_behind(tmp_path):
    with pytest.raises(KeyboardInterrupt), atomic_path(tmp_path / "model.bin") as temporary:
        temporary.write_bytes(b"half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_file_appears_whole_only_at_the_end_in_a_new_folder(tmp_path):
    target = tmp_path / "new" / "folder" / "model.bin"
    with atomic_path(target) as temporary:
        temporary.write_bytes(b"whole")
        assert temporary.parent == target.parent  # one file system, so that the rename is atomic
        assert not target.exists()
    assert target.read_bytes() == b"whole"
    assert [path.name for path in target.parent.iterdir()] == ["model.bin"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o644


def test_body_that_removes_its_file_is_an_error_and_keeps_the_old_one(tmp_path):
    target = tmp_path / "model.bin"
    target.write_bytes(b"old")
    with pytest.raises(FileNotFoundError), atomic_path(target) as temporary:
        temporary.unlink()
    assert target.read_bytes() == b"old"


def test_text_is_utf8_with_plain_newlines(tmp_path):
    write_text(tmp_path / "note.txt", "東京\nend\r\n")
    assert (tmp_path / "note.txt").read_bytes() == "東京\nend\r\n".encode()


def test_hash_is_the_sha256_of_the_bytes(tmp_path):
    content = bytes(range(256)) * 300
    (tmp_path / "data").write_bytes(content)
    assert sha256_file(tmp_path / "data") == hashlib.sha256(content).hexdigest()
