"""A server of a small run, in this process."""

import shutil

import pytest
from starlette.testclient import TestClient

import mmkg
from mmkg.decisions.store import DecisionStore
from mmkg.serve.app import application
from mmkg.serve.served import Said
from mmkg.serve.server import served_run
from mmkg.serve.settings import ServeConfig

TOKEN = "a-token-of-a-test"
BASE = "http://127.0.0.1:8000"
NOTHING = Said(-1, {}, [], {})


class Client(TestClient):
    """A program that talks to the server; ``write`` sends the token."""

    def write(self, path, values, **headers):
        return self.post(path, json=values, headers={"X-MMKG-Token": TOKEN, **headers})


@pytest.fixture(scope="session")
def loaded(small_run):
    """The run as it is read from its folder."""
    return mmkg.AlignmentResult.load(small_run)


@pytest.fixture(scope="session")
def shared(loaded, tmp_path_factory):
    """One server for all tests that use the default settings; each of them has decisions of its own."""
    served = served_run(loaded, str(tmp_path_factory.mktemp("shared")), ServeConfig(token=TOKEN))
    return served, application(served)


def client_of(served, app):
    client = Client(app, base_url=BASE, raise_server_exceptions=False)
    client.served = served
    return client


@pytest.fixture
def client(shared, tmp_path):
    """A client of a server with default settings and no decisions."""
    served, app = shared
    served.store = DecisionStore.of(tmp_path)
    served._said, served._kept = NOTHING, {}
    yield client_of(served, app)
    served.store.close()


@pytest.fixture
def make(loaded, tmp_path):
    """Makes a server with settings, and a client of it."""
    made = []

    def server(result=None, **config):
        served = served_run(result or loaded, str(tmp_path), ServeConfig(**{"token": TOKEN} | config))
        made.append(served)
        return client_of(served, application(served))

    yield server
    for served in made:
        served.store.close()


@pytest.fixture
def run_copy(small_run, tmp_path):
    """A run folder that a test may write decisions to."""
    return shutil.copytree(small_run, tmp_path / "run")


@pytest.fixture
def match(client):
    """The least sure match of the run that is no known link: left and right key."""
    row = client.get("/api/v1/matches?known=false&limit=1").json()["rows"][0]
    return row["left"], row["right"]
