"""A run in LanceDB: a folder on this machine, or the address of an object store."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, MissingPackageError
from ..result.embeddings import SIDES
from ..typing import FloatArray, IntArray
from .store import TYPES, Entities, Store

os.environ.setdefault("LANCEDB_LOG", "error")  # a new table is no news


class LanceStore(Store):
    """A run in LanceDB, as two tables of entities and one of facts."""

    kind = "lancedb"

    def __init__(self, place: str, name: str, *, create: bool) -> None:
        super().__init__(place, name, create=create)
        try:
            import lancedb
        except ImportError as error:
            raise MissingPackageError("stores in LanceDB need lancedb: pip install 'mmkg[lancedb]'") from error
        if "://" not in place:
            if not create and not Path(place).is_dir():
                raise InputError("no such store; `mmkg publish RUN --to ...` makes one", place)
            if Path(place).is_file():
                raise InputError("expected a folder, got a file; name another folder", place)
        with self._reported():
            self._base = lancedb.connect(place)

    @contextmanager
    def _reported(self) -> Iterator[None]:
        """Errors of the database as one line."""
        try:
            yield
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            text = " ".join(str(error).split())
            raise InputError(f"{self.address}: the store does not answer as expected: {text}") from None

    def _names(self) -> list[str]:
        found: list[str] = []
        token = None
        while True:
            page = self._base.list_tables(page_token=token)
            found += page.tables
            token = page.page_token
            if not token:
                return found

    def _open(self, what: str) -> Any:
        """A table; ``None`` if there is none."""
        name = self.table(what)
        try:
            return self._base.open_table(name)
        except ValueError:
            if name in self._names():
                raise
            return None

    def _there(self, what: str) -> Any:
        """A table that must be there."""
        table = self._open(what)
        if table is None:
            raise InputError(f"{self.address}: the table {self.table(what)} is missing; publish the run again")
        return table

    def facts(self) -> dict[str, Any] | None:
        """See ``Store``."""
        with self._reported():
            table = self._open("facts")
            rows = [] if table is None else table.search().to_arrow().to_pylist()
        if not rows:
            return None
        try:
            return dict(json.loads(rows[0]["text"]))
        except (ValueError, TypeError, KeyError):
            raise InputError(f"{self.address}: these are not the facts of a run; publish it again") from None

    def write_facts(self, facts: Mapping[str, Any]) -> None:
        """See ``Store``."""
        with self._reported():
            self._base.create_table(self.table("facts"), [{"text": json.dumps(dict(facts))}], mode="overwrite")

    def create(self, dim: int) -> None:
        """See ``Store``."""
        import pyarrow as pa

        kinds = {np.int64: pa.int64(), np.float32: pa.float32(), np.bool_: pa.bool_()}
        columns = []
        for field in fields(Entities):
            kind = kinds[TYPES[field.name]] if field.name in TYPES else pa.string()
            columns.append(pa.field(field.name, pa.list_(kind, dim) if field.name == "vector" else kind))
        with self._reported():
            for side in SIDES:
                self._base.create_table(self.table(side), schema=pa.schema(columns), mode="overwrite")

    def drop(self) -> None:
        """See ``Store``."""
        with self._reported():
            for what in ("facts", *SIDES):
                if self.table(what) in self._names():
                    self._base.drop_table(self.table(what))

    def states(self, side: str) -> dict[int, str]:
        """See ``Store``."""
        with self._reported():
            table = self._open(side)
            if table is None:
                return {}
            found = table.search().select(["row", "state"]).to_arrow()
            return dict(zip(found["row"].to_pylist(), found["state"].to_pylist(), strict=True))

    def upsert(self, side: str, entities: Entities) -> None:
        """See ``Store``."""
        import pyarrow as pa

        table = self._there(side)
        columns: dict[str, Any] = {field.name: getattr(entities, field.name) for field in fields(entities)}
        flat = pa.array(np.ascontiguousarray(entities.vector).ravel())
        columns["vector"] = pa.FixedSizeListArray.from_arrays(flat, entities.vector.shape[1])
        with self._reported():
            rows = pa.table(columns, schema=table.schema)
            table.merge_insert("row").when_matched_update_all().when_not_matched_insert_all().execute(rows)

    def finish(self) -> None:
        """See ``Store``; small fragments that were written one after another become few."""
        with self._reported():
            for side in SIDES:
                self._there(side).optimize()

    def rows_with(self, side: str, column: str, key: str) -> list[int]:
        """See ``Store``."""
        with self._reported():
            search = self._there(side).search().where(f"{column} = '{key}'").select(["row", "linked"])
            found = search.to_arrow().to_pylist()
        return [row for _, row in sorted((not each["linked"], int(each["row"])) for each in found)]

    def take(self, side: str, rows: IntArray) -> Entities:
        """See ``Store``."""
        wanted = ", ".join(map(str, np.unique(rows).tolist()))
        with self._reported():
            found = self._there(side).search().where(f"row in ({wanted})").to_arrow().to_pylist() if wanted else []
        records = {int(each["row"]): each for each in found}
        missing = len(np.unique(rows)) - len(records)
        if missing:
            raise InputError(f"{self.address}: {missing} entities are missing; publish the run again")
        return Entities.of_records([records[row] for row in rows.tolist()])

    def nearest(self, side: str, query: FloatArray, k: int) -> IntArray:
        """See ``Store``."""
        with self._reported():
            search = self._there(side).search(query).distance_type("dot").where("matched = true").limit(k)
            found = search.select(["row", "_distance"]).to_arrow()
        return np.array(found["row"].to_numpy(), np.int64)

    def close(self) -> None:
        """See ``Store``."""
