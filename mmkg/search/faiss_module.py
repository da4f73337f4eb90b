"""The faiss module, the only file that imports it: with a fast BLAS kernel; its objects, read from files."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..compute.blas import fast_blas
from ..compute.process import PROCESS, quiet
from ..errors import InputError, MissingPackageError

BROKEN = (
    "FAISS is installed but cannot be imported ({}); see `mmkg doctor`, "
    "or install it again: pip install --force-reinstall faiss-cpu"
)


def import_faiss() -> Any:
    """Import the faiss module, with a fast BLAS kernel.

    Raises:
        MissingPackageError: it is not installed, or cannot be imported.
    """
    if (loaded := sys.modules.get("faiss")) is not None:  # called once per list; its BLAS kernel is chosen already
        return loaded
    with fast_blas(), quiet():  # its wrapper warns of missing module names
        try:
            import faiss
        except ModuleNotFoundError as error:
            if error.name != "faiss":
                raise MissingPackageError(BROKEN.format(error)) from error
            raise MissingPackageError("this index needs FAISS: pip install faiss-cpu") from error
        except (ImportError, OSError) as error:
            raise MissingPackageError(BROKEN.format(error)) from error
    return faiss


def faiss_sees_gpu() -> bool:
    """Whether the installed FAISS is a GPU build and finds a GPU."""
    faiss = import_faiss()
    return hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus() > 0


def read_object(path: Path, expected: type[Any], kind: str) -> Any:
    """A FAISS index from a file; what is in it is not checked yet, see ``check_content``.

    Raises:
        InputError: FAISS cannot read the file, or it holds an index of another class or metric.
    """
    faiss = import_faiss()
    try:
        with _byte_limit(max(path.stat().st_size, 1 << 20)):  # nothing in the file can be larger than the file
            index = faiss.read_index(str(path))
    except RuntimeError as error:
        raise InputError(f"FAISS cannot read this index: {str(error).splitlines()[0]}", path) from None
    if not isinstance(index, expected) or index.metric_type != faiss.METRIC_INNER_PRODUCT:
        raise InputError(f"expected an inner-product index of kind {kind!r}, got {type(index).__name__}", path)
    return index


@contextmanager
def _byte_limit(size: int) -> Iterator[None]:
    """Limit the vectors that FAISS reads; the limit belongs to the process, so one thread at a time sets it."""
    faiss = import_faiss()
    if not hasattr(faiss, "set_deserialization_vector_byte_limit"):  # FAISS < 1.14
        yield
        return
    with PROCESS:
        before = faiss.get_deserialization_vector_byte_limit()
        faiss.set_deserialization_vector_byte_limit(size)
        try:
            yield
        finally:
            faiss.set_deserialization_vector_byte_limit(before)
