"""A run in Milvus: Milvus Lite in a file on this machine, or a Milvus server or cluster."""

import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, MissingPackageError, UsageError
from ..result.embeddings import SIDES
from ..typing import FloatArray, IntArray
from .store import KEYS, Entities, Store

LONGEST_TEXT = 65_535  # bytes of a string in Milvus
PAGE = 10_000  # rows per query; a server returns at most 16,384
TAKEN = 1000  # rows per query with their vectors
SECONDS = 30.0  # until a server counts as unreachable
TOKEN = "MILVUS_TOKEN"  # environment variable with the token of a server

for chatty in ("pymilvus", "grpc"):  # these log tracebacks of errors that are reported here
    logging.getLogger(chatty).setLevel(logging.CRITICAL)
os.environ.setdefault("GRPC_VERBOSITY", "NONE")


class MilvusStore(Store):
    """A run in Milvus, as two collections of entities and one of facts."""

    kind = "milvus"

    def __init__(self, place: str, name: str, *, create: bool) -> None:
        super().__init__(place, name, create=create)
        try:
            import pymilvus
        except ImportError as error:
            raise MissingPackageError("stores in Milvus need pymilvus: pip install 'mmkg[milvus]'") from error
        self._library = pymilvus
        self._ready: set[str] = set()  # tables that are loaded
        remote = "://" in place
        if not remote and not place.endswith(".db"):
            raise UsageError(f"{self.address}: expected a file that ends in .db, or http://HOST:PORT of a server")
        if not remote and not create and not Path(place).exists():
            raise InputError("no such store; `mmkg publish RUN --to ...` makes one", place)
        if not remote and not Path(place).absolute().parent.is_dir():
            raise InputError("the folder of the store does not exist; make it first", place)
        with self._reported():
            self._client = pymilvus.MilvusClient(place, token=os.environ.get(TOKEN, ""), timeout=SECONDS)

    @contextmanager
    def _reported(self) -> Iterator[None]:
        """Errors of the database as one line."""
        try:
            yield
        except (self._library.MilvusException, OSError, ValueError, RuntimeError) as error:
            text = " ".join(str(getattr(error, "message", error)).split())
            raise InputError(f"{self.address}: the store does not answer as expected: {text}") from None

    def _loaded(self, what: str) -> str | None:
        """Name of a table that is ready to be read; ``None`` if there is none."""
        table = self.table(what)
        if table not in self._ready:
            if not self._client.has_collection(table):
                return None
            self._client.load_collection(table)
            self._ready.add(table)
        return table

    def facts(self) -> dict[str, Any] | None:
        """See ``Store``."""
        with self._reported():
            table = self._loaded("facts")
            found = [] if table is None else self._client.query(table, filter="row == 0", output_fields=["text"])
        if not found:
            return None
        try:
            return dict(json.loads(found[0]["text"]))
        except (ValueError, TypeError):
            raise InputError(f"{self.address}: these are not the facts of a run; publish it again") from None

    def write_facts(self, facts: Mapping[str, Any]) -> None:
        """See ``Store``."""
        with self._reported():
            table = self.table("facts")
            if not self._client.has_collection(table):
                self._create(table, 2, ("text",))
            self._client.upsert(table, [{"row": 0, "text": json.dumps(dict(facts)), "vector": [0.0, 0.0]}])
            self._client.flush(table)

    def create(self, dim: int) -> None:
        """See ``Store``."""
        with self._reported():
            for side in SIDES:
                self._create(self.table(side), dim, (*KEYS, "label", "display", "never", "state"))

    def _create(self, table: str, dim: int, texts: tuple[str, ...]) -> None:
        kinds = self._library.DataType
        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("row", kinds.INT64, is_primary=True)
        for text in texts:
            schema.add_field(text, kinds.VARCHAR, max_length=LONGEST_TEXT)
        if "label" in texts:
            for name in ("best", "partner", "equal"):
                schema.add_field(name, kinds.INT64)
            for name in ("best_score", "second_score", "mean", "confidence"):
                schema.add_field(name, kinds.FLOAT)
            for name in ("linked", "matched"):
                schema.add_field(name, kinds.BOOL)
        schema.add_field("vector", kinds.FLOAT_VECTOR, dim=dim)
        index = self._client.prepare_index_params()
        index.add_index("vector", index_type="FLAT", metric_type="IP")
        self._client.create_collection(table, schema=schema, index_params=index)

    def drop(self) -> None:
        """See ``Store``."""
        with self._reported():
            for what in ("facts", *SIDES):
                self._ready.discard(self.table(what))
                if self._client.has_collection(self.table(what)):
                    self._client.drop_collection(self.table(what))

    def states(self, side: str) -> dict[int, str]:
        """See ``Store``."""
        found: dict[int, str] = {}
        with self._reported():
            table = self._loaded(side)
            last = -1
            while table is not None:
                rows = self._client.query(
                    table,
                    filter=f"row > {last} and row <= {last + PAGE}",
                    output_fields=["row", "state"],
                    limit=PAGE,
                    consistency_level="Strong",
                )
                if not rows:
                    break
                found.update((int(row["row"]), str(row["state"])) for row in rows)
                last += PAGE
        return found

    def upsert(self, side: str, entities: Entities) -> None:
        """See ``Store``."""
        for label, display in zip(entities.label, entities.display, strict=True):
            if max(len(label.encode()), len(display.encode())) > LONGEST_TEXT:
                raise InputError(f"{self.address}: Milvus holds texts of up to 65,535 bytes; {label[:40]!r} has more")
        with self._reported():
            self._client.upsert(self.table(side), list(entities.records()))

    def finish(self) -> None:
        """See ``Store``."""
        with self._reported():
            for side in SIDES:
                self._client.flush(self.table(side))

    def rows_with(self, side: str, column: str, key: str) -> list[int]:
        """See ``Store``."""
        with self._reported():
            table = self._loaded(side)
            found = (
                []
                if table is None
                else self._client.query(
                    table, filter=f'{column} == "{key}"', output_fields=["row", "linked"], limit=TAKEN
                )
            )
        return [row for _, row in sorted((not each["linked"], int(each["row"])) for each in found)]

    def take(self, side: str, rows: IntArray) -> Entities:
        """See ``Store``."""
        records: dict[int, Mapping[str, Any]] = {}
        wanted = np.unique(rows).tolist()
        with self._reported():
            table = self._loaded(side)
            for start in range(0, len(wanted), TAKEN):
                part = wanted[start : start + TAKEN]
                for each in self._client.query(table, filter=f"row in {part}", output_fields=["*"], limit=TAKEN):
                    records[int(each["row"])] = each
        if missing := len(wanted) - len(records):
            raise InputError(f"{self.address}: {missing} entities are missing; publish the run again")
        return Entities.of_records([records[row] for row in rows.tolist()])

    def nearest(self, side: str, query: FloatArray, k: int) -> IntArray:
        """See ``Store``."""
        with self._reported():
            table = self._loaded(side)
            found = self._client.search(
                table, data=[query.tolist()], filter="matched == true", limit=k, output_fields=["row"]
            )
        return np.array([int(each["row"]) for each in found[0]], np.int64)

    def close(self) -> None:
        """See ``Store``."""
        with self._reported():
            self._client.close()
