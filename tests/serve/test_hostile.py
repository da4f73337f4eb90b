"""Hostile requests leave the server up, in bounded memory, without a traceback, and change nothing."""

import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import schemathesis
from hostile import hostile
from hypothesis import HealthCheck, Phase, given, settings

from mmkg.decisions.decision import Decision
from mmkg.decisions.store import DecisionStore, read_store
from mmkg.serve.app import application
from mmkg.serve.settings import ServeConfig

ROOT = Path(__file__).parents[2]
TOKEN = "a-token-of-a-test"


class Process:
    """`mmkg serve` as a process of its own."""

    def __init__(self, folder, *more):
        self.folder = folder
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        words = ["-m", "mmkg", "serve", str(folder), "--port", "0", "--json", *more]
        self.log = folder.with_name("log.txt")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, *words], stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT, env=environment
            )
        facts = json.loads(self.process.stdout.readline())
        self.token, self.port = facts["token"], int(facts["address"].split(":")[2].partition("/")[0])

    def post(self, path, values):
        """The answer to a write."""
        url = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, json.dumps(values).encode(), method="POST")
        request.add_header("Content-Type", "application/json")
        request.add_header("X-MMKG-Token", self.token)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def get(self, path):
        """The answer to a read."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
            return json.load(answer)

    def megabytes(self):
        """Memory of the process."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.partition("VmRSS:")[2].split()[0]) / 1024

    def stop(self, how=signal.SIGINT):
        """End it."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(timeout=60)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def server(small_run, tmp_path_factory):
    """One for the tests that leave it as it is."""
    folder = shutil.copytree(small_run, tmp_path_factory.mktemp("hostile") / "run")
    found = Process(folder)
    yield found
    found.stop()


def send(port, content):
    """First line of the answer; empty if the server hung up without one."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        try:
            connection.sendall(content)
            connection.shutdown(socket.SHUT_WR)
            found = b""
            while part := connection.recv(65536):
                found += part
        except (ConnectionResetError, BrokenPipeError, TimeoutError):
            return b""
    assert b"Traceback" not in found and b"root:" not in found, content[:200]
    return found.partition(b"\r\n")[0]


def state(folder):
    """Hash of each file of a run folder."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("number", [200, pytest.param(5000, marks=pytest.mark.slow)])
def test_an_own_list_of_hostile_requests_changes_nothing(server, number):
    before, memory = state(server.folder), server.megabytes()
    codes = [send(server.port, content) for content in hostile(number)]
    assert server.get("/health")["status"] == "ok"
    assert not [each for each in codes if each.startswith((b"HTTP/1.1 500", b"HTTP/1.1 501"))]
    assert sum(each.startswith(b"HTTP/1.1 4") for each in codes) > number / 3
    assert state(server.folder) == before
    assert server.megabytes() < memory + 150
    assert "Traceback" not in server.log.read_text()


def test_silent_connections_are_closed(monkeypatch):
    """In this process, so that the time can be short."""
    import uvicorn

    from mmkg.serve import server as module

    monkeypatch.setattr(module, "HEAD_SECONDS", 0.3)

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    listening = module.listening("127.0.0.1", 0)
    port = listening.getsockname()[1]
    config = uvicorn.Config(app, http=module._protocol(), ws="none", lifespan="off", log_config=None)
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        for begin in (b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n"):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as silent:
                silent.sendall(begin)
                assert silent.recv(100) == b""  # closed by the server
        with socket.create_connection(("127.0.0.1", port), timeout=10) as alive:
            for _ in range(3):
                alive.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                assert alive.recv(1000).startswith(b"HTTP/1.1 204")
                time.sleep(0.1)
            alive.sendall(b"GET / HT")
            assert alive.recv(100) == b""
        monkeypatch.setattr(module, "HEAD_SECONDS", 60)
        with socket.create_connection(("127.0.0.1", port), timeout=10) as endless, pytest.raises(OSError):
            endless.sendall(b"GET / HTTP/1.1\r\nX: ")
            for _ in range(2000):  # 100 MB
                endless.sendall(b"a" * 50_000)
    finally:
        running.should_exit = True
        thread.join(timeout=10)
        listening.close()


# --- requests made from the description of the API


@pytest.fixture(scope="session")
def described(shared):
    """The API as schemathesis sees it, without limits of rate."""
    served, _ = shared
    config = ServeConfig(token=TOKEN, reads=1e9, writes=1e9)
    served.store.read_only = True  # what is valid would be written
    app = application(type(served)(served.view, served.store, config))
    return schemathesis.openapi.from_asgi("/openapi.json", app, headers={"Host": "127.0.0.1"})


@pytest.mark.parametrize("number", [2, pytest.param(120, marks=pytest.mark.slow)])
def test_requests_made_from_the_description_are_answered_as_described(described, number):
    checks = (
        schemathesis.checks.not_a_server_error,
        schemathesis.checks.status_code_conformance,
        schemathesis.checks.content_type_conformance,
        schemathesis.checks.response_schema_conformance,
    )
    sent = 0
    for operation in (each.ok() for each in described.get_all_operations()):

        @settings(
            max_examples=number,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def probe(case):
            nonlocal sent
            sent += 1
            case.call_and_validate(checks=checks, headers={"Host": "127.0.0.1", "X-MMKG-Token": TOKEN})

        given(case=operation.as_strategy())(probe)()
    assert sent >= 25 * number / 2


# --- many people at once


def test_fifty_reviewers_at_once_lose_no_decision(server):
    rows = server.get("/api/v1/matches?limit=50&known=false")["rows"]
    acknowledged = []

    def review(number):
        for row in rows[:4]:
            values = {"left": row["left"], "right": row["right"], "verdict": "accept", "author": f"person {number}"}
            acknowledged.append(server.post("/api/v1/decisions", values)["id"])

    with ThreadPoolExecutor(50) as people:
        list(people.map(review, range(50)))
    stored = read_store(server.folder / "decisions.sqlite")
    assert sorted(acknowledged) == [each.id for each in stored] == list(range(1, 201))
    assert len({(each.author, each.left) for each in stored}) == 200


@pytest.mark.parametrize("number", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_server_that_is_killed_has_written_all_that_it_acknowledged(run_copy, number):
    server = Process(run_copy)
    try:
        row = server.get("/api/v1/matches?limit=1&known=false")["rows"][0]
        acknowledged, lock = {}, threading.Lock()

        def review(part):
            for n in range(part, number, 4):
                values = {"left": row["left"], "right": row["right"], "verdict": "reject", "author": f"author {n}"}
                try:
                    made = server.post("/api/v1/decisions", values)
                except (OSError, http.client.HTTPException):  # no answer, or half of one
                    return
                with lock:
                    acknowledged[made["id"]] = made["author"]
                    if len(acknowledged) == number // 2:
                        os.kill(server.process.pid, signal.SIGKILL)

        with ThreadPoolExecutor(4) as people:
            list(people.map(review, range(4)))
    finally:
        server.stop(signal.SIGKILL)
    stored = {each.id: each.author for each in read_store(run_copy / "decisions.sqlite")}
    assert number // 2 <= len(acknowledged) < number
    assert acknowledged.items() <= stored.items()
    store = DecisionStore.of(run_copy)  # and the next server goes on
    assert store.add(Decision(row["left"], row["right"], "accept")).id == max(stored) + 1
    store.close()
