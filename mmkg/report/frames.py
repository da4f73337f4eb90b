"""Tables of results for other programs: Arrow tables, and DataFrames of pandas made from them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..errors import MissingPackageError


def arrow_table(columns: Mapping[str, Sequence[Any]], numbers: Iterable[str] = ()) -> Any:
    """An Arrow table.

    Args:
        columns: the columns by name, all of one length; ``None`` is a missing value.
        numbers: columns that are float32, also where all values are missing.

    Raises:
        MissingPackageError: pyarrow is not installed.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise MissingPackageError("Arrow tables need pyarrow: pip install 'mmkg[parquet]'") from error
    types = {name: pyarrow.float32() for name in numbers}
    return pyarrow.table({name: pyarrow.array(column, types.get(name)) for name, column in columns.items()})


def data_frame(columns: Mapping[str, Sequence[Any]], numbers: Iterable[str] = ()) -> Any:
    """The same as a DataFrame of pandas.

    Raises:
        MissingPackageError: pandas or pyarrow is not installed.
    """
    try:
        import pandas
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise MissingPackageError("DataFrames need pandas and pyarrow: pip install 'mmkg[pandas]'") from error
    frame: pandas.DataFrame = arrow_table(columns, numbers).to_pandas()
    return frame
