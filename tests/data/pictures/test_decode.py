import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from drawn import draw, encoded
from PIL import Image

from mmkg.data.pictures import decode as pictures
from mmkg.data.pictures.decode import PictureError, decode, read_file
from mmkg.errors import InputError

PNG, JPEG = encoded(draw(1)), encoded(draw(1), "JPEG", quality=90)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, data=b"", *, bits=8, colour=2, more=b""):
    """A PNG file that claims a size; its pixels need not be there."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + more + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def bomb():
    """14,000 x 14,000 black pixels of one bit in some kilobytes."""
    return png(14_000, 14_000, b"\0" * 14_000 * 1751, bits=1, colour=0)


def webp(width, height):
    frame = struct.pack("<I", 0)[:3] + b"\x9d\x01\x2a" + struct.pack("<HH", width, height) + b"\0" * 8
    body = b"WEBPVP8 " + struct.pack("<I", len(frame)) + frame
    return b"RIFF" + struct.pack("<I", len(body)) + body


BAD = {
    "empty": (b"", "no picture", "expected JPEG, PNG, WEBP, GIF, got an empty file"),
    "text": (b"this is no picture at all", "no picture", "got a file that begins with b'this is '"),
    "html": (b"<!DOCTYPE html><html>404</html>", "no picture", "begins with b'<!DOCTYP'"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no picture", "begins with b'<svg xml'"),
    "bmp": (encoded(draw(1), "BMP"), "no picture", "begins with b'BM"),
    "tiff": (encoded(draw(1), "TIFF"), "no picture", "begins with b'II"),
    "pdf": (b"%PDF-1.7\n" + PNG, "no picture", "begins with b'%PDF-1.7'"),
    "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n", "no picture", "begins with b'%!PS-Ado'"),
    "zip": (b"PK\x03\x04" + PNG, "no picture", "begins with b'PK"),
    "pickle": (b"\x80\x04\x95" + PNG, "no picture", "begins with"),
    "signature only": (PNG[:8], "no picture", "expected JPEG, PNG, WEBP, GIF"),
    "truncated png": (PNG[: len(PNG) // 2], "damaged", "image file is truncated"),
    "truncated jpeg": (JPEG[: len(JPEG) // 2], "damaged", "truncated"),
    "truncated webp": (encoded(draw(1), "WEBP")[:200], "damaged", "could not create decoder"),
    "truncated gif": (encoded(draw(1), "GIF")[:200], "damaged", "image file is truncated"),
    "flipped png": (PNG[:60] + b"\xff" + PNG[61:], "damaged", "broken data stream"),
    "no pixels": (png(8, 8), "damaged", "image file is truncated"),
    "broken text chunk": (
        png(8, 8, more=chunk(b"zTXt", b"a\0\0" + zlib.compress(b" " * (80 << 20)))),
        "damaged",
        "data too large",
    ),
    "bomb of one bit": (bomb(), "too many pixels", "limit of"),
    "many pixels": (png(5001, 5000), "too many pixels", "expected at most 25,000,000 pixels, got 5001 x 5000"),
    "huge header": (png(2**31 - 1, 2**31 - 1), "too many pixels", "limit of"),
    "zero width": (png(0, 10), "no picture", "begins with b'\\x89PNG"),
    "too narrow": (png(1, 101, b"\0\0\0\0" * 101), "too narrow", "expected sides of at most 100:1, got 1 x 101"),
    "empty webp": (webp(16, 16), "damaged", "could not create decoder"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_picture_is_refused_with_its_reason(name):
    content, kind, reason = BAD[name]
    with pytest.raises(PictureError) as caught:
        decode(content)
    assert reason.lower() in str(caught.value).lower()  # Pillow 10 writes capitals
    assert caught.value.kind == kind
    assert isinstance(caught.value, InputError)


def test_every_cut_and_every_flipped_byte_gives_a_picture_or_a_reason():
    rng = np.random.default_rng(0)
    good = 0
    for content in (PNG, JPEG, encoded(draw(2), "WEBP"), encoded(draw(2), "GIF")):
        for _ in range(60):
            damaged = bytearray(content)
            for place in rng.integers(0, len(content), 3):
                damaged[place] = rng.integers(0, 256)
            for each in (bytes(damaged), content[: int(rng.integers(0, len(content)))]):
                try:
                    good += decode(each).mode == "RGB"
                except PictureError as error:
                    assert error.kind and str(error)
    assert 0 < good < 480  # JPEG hides small damage


def test_size_is_checked_before_a_pixel_is_decoded():
    """The bombs together stay within what a picture of the largest size may take."""
    code = (
        "import resource, sys\n"
        "sys.path[:0] = ['tests', 'tests/data/pictures']\n"
        "import test_decode as t\n"
        "t.decode(t.PNG)\n"
        "limit = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for name in ('bomb of one bit', 'many pixels', 'huge header'):\n"
        "    try: t.decode(t.BAD[name][0])\n"
        "    except t.PictureError: pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - limit)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert int(done.stdout) < 20 * 1024, done.stderr  # KiB; the pixels would be 75 MB and more


MODES = {"PNG": "RGB L P 1 RGBA LA", "JPEG": "RGB L CMYK", "WEBP": "RGB L P RGBA", "GIF": "RGB L P RGBA"}
SETTINGS = {"JPEG": {"quality": 95}, "WEBP": {"lossless": True}}


@pytest.mark.parametrize(("form", "mode"), [(form, mode) for form in MODES for mode in MODES[form].split()])
def test_every_mode_becomes_rgb(form, mode):
    picture = draw(3).convert(mode)
    got = decode(encoded(picture, form, **SETTINGS.get(form, {})))
    assert got.mode == "RGB" and got.size == picture.size
    off = np.abs(np.asarray(got, int) - np.asarray(picture.convert("RGB"), int))
    assert off.mean() < 8


def test_transparent_is_white():
    picture = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    picture.putpixel((1, 2), (0, 0, 255, 255))
    picture.putpixel((3, 3), (0, 0, 0, 128))
    got = np.asarray(decode(encoded(picture)))
    assert got[0, 0].tolist() == [255, 255, 255]
    assert got[2, 1].tolist() == [0, 0, 255]
    assert abs(int(got[3, 3, 0]) - 127) <= 1
    paletted = draw(4).convert("P")
    assert np.asarray(decode(encoded(paletted, transparency=paletted.getpixel((0, 0)))))[0, 0].tolist() == [255] * 3


def test_sixteen_bits_of_grey_keep_the_upper_eight():
    values = (np.arange(64 * 64).reshape(64, 64) * 16).astype(np.uint16)
    got = np.asarray(decode(encoded(Image.fromarray(values))))
    assert np.array_equal(got[..., 0], values >> 8) and np.array_equal(got[..., 0], got[..., 2])


def test_of_an_animation_the_first_frame_counts():
    frames = [draw(number).quantize(16) for number in (5, 6)]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    off = np.abs(np.asarray(decode(content), int) - np.asarray(frames[0].convert("RGB"), int))
    assert off.mean() < 4


def test_a_large_picture_is_shrunk_in_its_shape():
    got = decode(encoded(draw(7, 2048).crop((0, 0, 2048, 1024)), "JPEG"))
    assert got.size == (1024, 512)
    want = np.asarray(draw(7, 1024).crop((0, 0, 1024, 512)), int)
    assert np.abs(np.asarray(got, int) - want).mean() < 4


def test_orientation_and_other_metadata_are_left_alone():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode(encoded(draw(8).crop((0, 0, 96, 48)), "JPEG", exif=exif)).size == (96, 48)


def test_files_that_cannot_be_read_are_refused(tmp_path, monkeypatch):
    (tmp_path / "good.png").write_bytes(PNG)
    assert read_file(tmp_path / "good.png") == PNG
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "loop.png").symlink_to("loop.png")
    monkeypatch.setattr(pictures, "MAX_BYTES", len(PNG))
    (tmp_path / "large.png").write_bytes(PNG + b"\0")
    assert read_file(tmp_path / "good.png") == PNG
    for name, kind, reason in [
        ("none.png", "missing", "no such file"),
        ("folder.png", "not a file", "expected a regular file"),
        ("pipe.png", "not a file", "expected a regular file"),
        ("loop.png", "unreadable", "cannot be read"),
        ("large.png", "file too large", f"expected at most {len(PNG):,} bytes, got {len(PNG) + 1:,}"),
        ("nul\0.png", "unreadable", "cannot be read"),
        ("long" * 200, "unreadable", "cannot be read"),
    ]:
        with pytest.raises(PictureError, match=reason) as caught:
            read_file(tmp_path / name)
        assert caught.value.kind == kind


def test_without_pillow_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"pip install 'mmkg\[image\]'"):
        decode(PNG)
