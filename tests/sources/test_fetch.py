import hashlib
import http.server
import json
import re
import sys
import threading
from pathlib import Path

import pytest

from mmkg.errors import InputError, MissingPackageError

CONTENT = bytes(range(256)) * 1024  # 256 KiB
SHA256 = hashlib.sha256(CONTENT).hexdigest()
TAG = '"v1"'


class Handler(http.server.BaseHTTPRequestHandler):
    """Each path is a way to behave."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Range"), self.headers.get("If-Range")))
        try:
            getattr(self, self.path.strip("/").partition("?")[0].replace("-", "_").replace(".", "_"))()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def send(self, status, body=b"", *, length=None, **headers):
        self.send_response(status)
        headers.setdefault("ETag", TAG)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)
        if length is not None and length > len(body):
            self.close_connection = True

    def start(self):
        return int(re.fullmatch(r"bytes=(\d+)-", self.headers["Range"])[1])

    def good(self):
        self.send(200, CONTENT)

    def resumes(self):
        """Gives a third of the rest and hangs up, twice; then all of it."""
        calls = len(self.server.asked)
        if "Range" not in self.headers:
            return self.send(200, CONTENT[:100_000], length=len(CONTENT))
        start = self.start()
        body = CONTENT[start : start + 80_000] if calls == 2 else CONTENT[start:]
        span = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
        self.send(206, body, length=len(CONTENT) - start, Content_Range=span)

    def always_cut(self):
        self.send(200, CONTENT[:1000], length=len(CONTENT))

    def changes(self):
        """Another version lies there when the rest is asked for: the host sends all of it."""
        if len(self.server.asked) == 1:
            return self.send(200, b"x" * 1000, length=len(CONTENT), ETag='"v0"')
        self.send(200, CONTENT)

    def wrong_part(self):
        if "Range" not in self.headers:
            return self.send(200, CONTENT[:1000], length=len(CONTENT))
        self.send(206, CONTENT[500:], Content_Range=f"bytes 500-{len(CONTENT) - 1}/{len(CONTENT)}")

    def complete(self):
        """All is there already: nothing is left to give."""
        if "Range" not in self.headers:
            return self.send(200, CONTENT, length=len(CONTENT) + 1)
        self.send(416, Content_Range=f"bytes */{len(CONTENT)}")

    def untagged(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT if len(self.server.asked) > 1 else CONTENT[:1000])
        self.close_connection = True

    def weak(self):
        self.send(200, CONTENT if len(self.server.asked) > 1 else CONTENT[:1000], length=len(CONTENT), ETag='W/"v1"')

    def endless(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for _ in range(10_000):
            self.wfile.write(b"10000\r\n" + b"\0" * 65536 + b"\r\n")

    def endless_without_length(self):
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        for _ in range(10_000):
            self.wfile.write(b"\0" * 65536)

    def cut_chunks(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"10\r\n" + b"\0" * 16 + b"\r\nff\r\nshort")
        self.close_connection = True

    def announces_much(self):
        self.send(200, b"", length=10**12)

    def other(self):
        self.send(200, CONTENT[::-1])

    def shorter(self):
        self.send(200, CONTENT[:-1])

    def page(self):
        self.send(200, b"<html>sign in</html>", Content_Type="text/html; charset=utf-8")

    def zipped(self):
        self.send(200, b"\x1f\x8b", Content_Encoding="gzip")

    def gone(self):
        self.send(404)

    def forbidden(self):
        self.send(403)

    def busy(self):
        self.send(503 if len(self.server.asked) < 3 else 200, CONTENT if len(self.server.asked) >= 3 else b"")

    def moved(self):
        self.send(302, Location="/good")

    def loop(self):
        self.send(302, Location="/loop")

    def to_file(self):
        self.send(302, Location="file:///etc/passwd")

    def to_ftp(self):
        self.send(302, Location="ftp://127.0.0.1/x")

    def to_plain_http(self):
        self.send(302, Location="http://example.invalid/x")

    def archive_zip(self):
        self.send(200, self.server.archive)


@pytest.fixture
def server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def downloads(load_tool, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    module = load_tool("mmkg.sources.downloads")
    monkeypatch.setattr(module, "WAIT", 0)
    monkeypatch.setattr(module, "TIMEOUT", (5, 5))
    return module


@pytest.fixture
def get(server, downloads, tmp_path):
    """Download one of the paths of the server; 1 MB at most."""

    def get(path, **options):
        url = path if "://" in path else f"http://127.0.0.1:{server.server_port}/{path}"
        return downloads.download(url, tmp_path / "file", max_bytes=1_000_000, progress=False, **options)

    return get


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_comes_whole_with_its_hash(get, tmp_path):
    assert get("good", size=len(CONTENT), digests={"sha256": SHA256}) == SHA256
    assert (tmp_path / "file").read_bytes() == CONTENT and left(tmp_path) == ["file"]
    assert get("good", digests={"sha512": hashlib.sha512(CONTENT).hexdigest().upper()}) == SHA256


def test_a_cut_download_goes_on_where_it_was(get, server, tmp_path):
    assert get("resumes", digests={"sha256": SHA256}) == SHA256
    assert [span for _, span, _ in server.asked] == [None, "bytes=100000-", "bytes=180000-"]
    assert [tag for *_, tag in server.asked] == [None, TAG, TAG]
    assert left(tmp_path) == ["file"]


def test_a_download_that_is_always_cut_is_kept_for_the_next_time(get, server, tmp_path):
    with pytest.raises(InputError, match=r"cut after 1,000 bytes .*; the same command continues from there"):
        get("always-cut")
    assert left(tmp_path) == ["file.part", "file.part.json"]
    assert (tmp_path / "file.part").read_bytes() == CONTENT[:1000]
    note = json.loads((tmp_path / "file.part.json").read_text())
    (tmp_path / "file.part.json").write_text(json.dumps(note | {"url": note["url"].replace("always-cut", "resumes")}))
    server.asked.clear()
    assert get("resumes") == SHA256
    assert server.asked[0][1] == "bytes=1000-"


def test_a_part_of_another_address_or_version_is_not_built_on(get, server, tmp_path):
    with pytest.raises(InputError):
        get("always-cut")
    server.asked.clear()
    assert get("good") == SHA256 and server.asked[0][1] is None
    server.asked.clear()
    assert get("changes") == SHA256
    assert [(span, tag) for _, span, tag in server.asked] == [(None, None), ("bytes=1000-", '"v0"')]


@pytest.mark.parametrize("path", ["untagged", "weak"])
def test_without_a_strong_version_a_download_starts_again(get, server, path):
    assert get(path) == SHA256
    assert [span for _, span, _ in server.asked] == [None, None]


def test_a_part_that_is_all_there_is_taken(get, server):
    assert get("complete", digests={"sha256": SHA256}) == SHA256
    assert [span for _, span, _ in server.asked] == [None, f"bytes={len(CONTENT)}-"]


def test_a_busy_host_is_asked_again_and_redirects_are_followed(get, server):
    assert get("busy") == SHA256 and len(server.asked) == 3
    assert get("moved") == SHA256


BAD = {
    "other": ({"digests": {"sha256": SHA256}}, f"expected sha256 {SHA256}, got"),
    "good": ({"digests": {"sha512": "0" * 128}}, "expected sha512 000"),
    "shorter": ({"size": len(CONTENT)}, r"the host has 262,143"),
    "endless": ({}, "expected at most 1,000,000 bytes, the host sends more; nothing was kept"),
    "endless-without-length": ({}, "expected at most 1,000,000 bytes, the host sends more"),
    "announces-much": ({}, "expected at most 1,000,000 bytes, the host has 1,000,000,000,000"),
    "cut-chunks": ({}, "the download was cut after"),
    "wrong-part": ({}, "requested the bytes from 1,000 on, got 'bytes 500-"),
    "page": ({}, "the host sends a web page; open the address in a browser"),
    "zipped": ({}, "expected the file as it is, got it encoded as gzip"),
    "gone": ({}, "the host answers 404 Not Found"),
    "forbidden": ({}, "the host answers 403 Forbidden"),
    "loop": ({}, "got more than 5 redirects"),
    "to-file": ({}, "expected an address that begins with https://, got 'file:///etc/passwd'"),
    "to-ftp": ({}, "expected an address that begins with https://, got 'ftp://"),
    "to-plain-http": ({}, "expected an address that begins with https://, got 'http://example.invalid/x'"),
    "file:///etc/passwd": ({}, "expected an address that begins with https://"),
    "http://example.invalid/x": ({}, "expected an address that begins with https://"),
    "http://127.0.0.1:9/x": ({}, "the download was cut after 0 bytes"),
}


@pytest.mark.parametrize("path", BAD)
def test_a_bad_download_is_refused_and_nothing_is_left_in_its_place(get, tmp_path, path):
    options, message = BAD[path]
    with pytest.raises(InputError, match=re.escape(message) if "\\" not in message else message):
        get(path, **options)
    assert "file" not in left(tmp_path)
    if "cut" not in path and "part" not in path:
        assert left(tmp_path) == []


def test_what_was_there_stays_when_a_download_fails(get, tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(InputError):
        get("other", digests={"sha256": SHA256})
    assert (tmp_path / "file").read_bytes() == b"old"


def test_a_download_without_requests_names_the_extra(get, monkeypatch):
    monkeypatch.setitem(sys.modules, "requests", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'mmkg\[fetch\]'"):
        get("good")


# --- data sets, through the command


@pytest.fixture
def fetch(server, downloads, run, tmp_path, monkeypatch):
    """Run the command on a list of data sets: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def fetch(sources, *arguments):
        text = sources.replace("HOST", f"http://127.0.0.1:{server.server_port}")
        (tmp_path / "sources.toml").write_text(text)
        done = run("fetch", *arguments, "--sources", "sources.toml")
        return done.code, done.out, done.err

    return fetch


SMALL = f"""
[small]
about = "a file that is known, and one that is not"
page = "https://example.org/small"
load = "{{folder}} --set x=1"
[[small.files]]
name = "one"
url = "HOST/good"
sha256 = "{SHA256}"
[[small.files]]
name = "sub/two"
url = "HOST/other"
"""


def test_a_data_set_is_fetched_once_and_noted(fetch, server, tmp_path):
    code, out, err = fetch(SMALL, "small")
    assert (code, err) == (0, "")
    assert out == (
        "2 files in data/small are complete\n"
        "1 of them have no published hash; their hash at the first download is in data/small/FETCHED.json\n"
        "look at them: mmkg describe data/small --set x=1\n"
    )
    record = json.loads((tmp_path / "data" / "small" / "FETCHED.json").read_text())
    assert record["one"]["sha256"] == SHA256 and record["one"]["hash"] == "expected"
    assert (
        record["sub/two"]["sha256"] == hashlib.sha256(CONTENT[::-1]).hexdigest() and record["sub/two"]["hash"] == "seen"
    )
    asked = len(server.asked)
    assert fetch(SMALL, "small")[0] == 0 and len(server.asked) == asked


def test_verify_needs_no_network_and_finds_what_changed(fetch, server, tmp_path):
    fetch(SMALL, "small")
    folder = tmp_path / "data" / "small"
    server.asked.clear()
    code, out, _ = fetch(SMALL, "small", "--verify")
    assert code == 0 and out.startswith("2 files in data/small are unchanged\n")
    (folder / "one").write_bytes(CONTENT[:-1] + b"\0")
    (folder / "sub" / "two").write_bytes(b"x")
    code, _, err = fetch(SMALL, "small", "--verify")
    assert code == 1 and err.count("\n") == 2
    assert (
        f"mmkg: data/small/one: expected sha256 {SHA256}, got " in err and "mmkg: data/small/sub/two: expected" in err
    )
    (folder / "one").unlink()
    assert "data/small/one: missing" in fetch(SMALL, "small", "--verify")[2]
    assert server.asked == []


def test_a_file_that_was_put_there_is_checked_too(fetch, tmp_path):
    (tmp_path / "data" / "small").mkdir(parents=True)
    (tmp_path / "data" / "small" / "one").write_bytes(b"another")
    code, _, err = fetch(SMALL, "small")
    assert code == 1 and f"data/small/one: expected sha256 {SHA256}, got" in err
    assert (tmp_path / "data" / "small" / "one").read_bytes() == b"another"
    (tmp_path / "data" / "small" / "one").write_bytes(CONTENT)
    (tmp_path / "data" / "small" / "sub").mkdir()
    (tmp_path / "data" / "small" / "sub" / "two").write_bytes(b"from elsewhere")
    assert "sub/two: has no published hash and was not downloaded by mmkg" in fetch(SMALL, "small", "--verify")[2]
    assert fetch(SMALL, "small")[0] == 0 and fetch(SMALL, "small", "--verify")[0] == 0


MANUAL = f"""
[manual]
about = "by browser"
page = "https://example.org/manual"
[[manual.files]]
name = "pkls/x.pkl"
page = "https://example.org/share"
code = "abcd"
sha256 = "{SHA256}"
"""


def test_what_needs_a_browser_is_named_with_its_page_and_place(fetch, tmp_path):
    code, out, err = fetch(MANUAL, "manual", "--to", "place")
    assert (code, out) == (1, "")
    assert err == (
        "mmkg: open https://example.org/share (code abcd) in a browser, download x.pkl and save it as "
        "place/pkls/x.pkl; then run the same command again\n"
    )
    (tmp_path / "place" / "pkls").mkdir(parents=True)
    (tmp_path / "place" / "pkls" / "x.pkl").write_bytes(CONTENT)
    assert fetch(MANUAL, "manual", "--to", "place")[:2] == (0, "1 files in place are complete\n")
    assert fetch(MANUAL, "manual", "--to", "place", "--verify")[0] == 0


def test_a_host_that_fails_leads_to_the_page(fetch):
    code, _, err = fetch(SMALL.replace("HOST/other", "HOST/page"), "small")
    assert code == 1
    assert (
        "sends a web page" in err and "open https://example.org/small in a browser, download two and save it as" in err
    )


ARCHIVE = """
[packed]
about = "an archive"
page = "https://example.org/packed"
[[packed.files]]
name = "data.zip"
url = "HOST/archive.zip"
unpack = "unpacked"
"""


def test_an_archive_is_unpacked_with_care_and_verified(fetch, server, tmp_path):
    from test_archives import make_zip

    server.archive = make_zip(tmp_path / "a.zip", [("a/ent_links", b"1\t2\n"), ("b", b"x")]).read_bytes()
    assert fetch(ARCHIVE, "packed")[0] == 0
    unpacked = tmp_path / "data" / "packed" / "unpacked"
    assert (unpacked / "a" / "ent_links").read_bytes() == b"1\t2\n"
    assert fetch(ARCHIVE, "packed", "--verify")[0] == 0
    (unpacked / "b").write_bytes(b"y")
    (unpacked / "a" / "ent_links").unlink()
    code, _, err = fetch(ARCHIVE, "packed", "--verify")
    assert code == 1
    assert "unpacked/b: changed since it was unpacked" in err and "unpacked/a/ent_links: missing" in err


def test_a_hostile_archive_is_kept_but_not_unpacked(fetch, server, tmp_path):
    from test_archives import make_zip

    server.archive = make_zip(tmp_path / "a.zip", [("../evil", b"x")]).read_bytes()
    code, _, err = fetch(ARCHIVE, "packed")
    assert code == 1 and "expected a path inside the archive, got '../evil'" in err
    assert left(tmp_path / "data" / "packed") == ["FETCHED.json", "data.zip"]


@pytest.mark.parametrize(
    ("sources", "name", "code", "message"),
    [
        (SMALL, "smal", 2, "unknown data set 'smal'; did you mean 'small'? known: small"),
        ("[x]\nabout = 1\n", "x", 1, "expected data sets with about, page and files, got 'files'"),
        ("[x]\nabout = 'a'\npage = 'b'\nfiles = [{nam = 'c'}]\n", "x", 1, "unexpected keyword argument 'nam'"),
        ("[x\n", "x", 1, "expected data sets with about, page and files, got"),
    ],
)
def test_wrong_names_and_lists_are_told(fetch, sources, name, code, message):
    got, _, err = fetch(sources, name)
    assert got == code and message in err


def test_a_damaged_record_is_refused(fetch, tmp_path):
    (tmp_path / "data" / "small").mkdir(parents=True)
    for text in ("{", "[]", '{"one": 1}'):
        (tmp_path / "data" / "small" / "FETCHED.json").write_text(text)
        code, _, err = fetch(SMALL, "small")
        assert code == 1 and "FETCHED.json: expected" in err and "remove the file to fetch again" in err


def test_the_list_that_is_shipped_is_sound(load_tool):
    tool = load_tool("mmkg.sources.fetch")
    sources = tool.read_sources()
    assert {"openea", "dbp15k", "dbp15k-images", "mmkb", "mosi", "mosei", "sims"} <= set(sources)
    for name, source in sources.items():
        assert source.page.startswith("https://") and source.about and source.files, name
        names = [file.name for file in source.files]
        assert len(set(names)) == len(names)
        source.load.format(folder="x")
        for file in source.files:
            assert not Path(file.name).is_absolute() and ".." not in Path(file.name).parts
            assert all(each.startswith("https://") for each in (file.url, file.page) if each)
            assert not file.sha256 or re.fullmatch("[0-9a-f]{64}", file.sha256)
            assert not file.sha512 or re.fullmatch("[0-9a-f]{128}", file.sha512)
            assert not file.unpack or file.name.endswith(load_tool("mmkg.sources.archives").SUFFIXES)
