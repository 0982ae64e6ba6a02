"""Read Parquet files in batches of rows, columns of any type that makes sense."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simlib.traces.cells import WANTED, shortened
from simlib.traces.delimited import ROWS
from simlib.traces.mapping import Fields, Raw
from simlib.traces.notes import Notes
from simlib.traces.pages import check_pages
from simlib.traces.source import Advance

MAGIC = b"PAR1"


class Parquet:
    """A Parquet file seen as a table; fields of structures are columns such as `user.name`."""

    about, is_open, decimal_comma = "Parquet", False, False

    def __init__(self, path: Path):
        self._path = path
        self.defaults: Mapping[str, str] = {}
        with _opened(path) as file:
            self._types = dict(_leaves(file.schema_arrow))
        self.names: Sequence[str] = [field.name for field in file.schema_arrow if field.name in self._types]
        self.names += [name for name in self._types if name not in self.names]

    def read(self, fields: Fields, notes: Notes, advance: Advance | None) -> Iterator[Raw]:
        """Read columns. Raises ValueError, naming the row or the column."""
        wanted = {name for names in fields.values() for name in names}
        for role, names in fields.items():
            for name in names:
                _check_type(role, name, self._types[name])
        first, size = 1, self._path.stat().st_size
        with _opened(self._path) as file:
            check_pages(self._path)
            rows = max(file.metadata.num_rows, 1)
            for batch in file.iter_batches(batch_size=ROWS, columns=sorted(wanted), use_threads=False):
                columns = {role: _column(batch, names) for role, names in fields.items()}
                yield Raw(columns, np.arange(first, first + batch.num_rows))
                first += batch.num_rows
                if advance is not None:
                    advance(size * batch.num_rows // rows)


def _leaves(schema: pa.Schema) -> Iterator[tuple[str, pa.DataType]]:
    """List the columns that a schema has, structures taken apart."""

    def inside(name: str, kind: pa.DataType) -> Iterator[tuple[str, pa.DataType]]:
        if pa.types.is_struct(kind):
            for field in kind:
                yield from inside(f"{name}.{field.name}", field.type)
        else:
            yield name, kind

    for field in schema:
        yield from inside(field.name, field.type)


def _column(batch: pa.RecordBatch, names: Sequence[str]) -> pa.Array:
    columns = [_plain(batch, name) for name in names]
    if len(columns) == 1:
        return columns[0]
    return pc.binary_join_element_wise(*(_as_text(each) for each in columns), " ", null_handling="replace")


def _plain(batch: pa.RecordBatch, name: str) -> pa.Array:
    """Take a column of a batch, as numbers, times or text."""
    if name in batch.schema.names:
        column = batch.column(name)
    else:
        head, _, rest = name.partition(".")
        while head not in batch.schema.names:
            more, _, rest = rest.partition(".")
            head = f"{head}.{more}"
        column = pc.struct_field(batch.column(head), rest.split("."))
    column = _intact(column)
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.storage
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_fixed_size_binary(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        if pa.types.is_dictionary(column.type):
            words = pa.array([_bytes_text(each) for each in column.dictionary.to_pylist()], pa.string())
            return pa.DictionaryArray.from_arrays(column.indices, words)
        column = pa.array([_bytes_text(each) for each in column.to_pylist()], pa.string())
    return column


def _as_text(column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column.cast(pa.string())


def _bytes_text(data: bytes | None) -> str | None:
    """Write bytes as text: a UUID where they are 16, the text that they are, or else their digits."""
    if data is None:
        return None
    if len(data) == 16:
        return str(UUID(bytes=data))
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.hex()


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    """Open a file. Raises ValueError for damage, also where it is met only while the file is read."""
    try:
        # Read page by page: a file may be one row group larger than memory.
        with pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        # Arrow reports damage by an OSError that has no number; those that have one are of the file system.
        if getattr(error, "errno", None):
            raise
        raise ValueError(f"not a readable Parquet file: {shortened(' '.join(str(error).split()))}") from None


def _check_type(role: str, name: str, kind: pa.DataType) -> None:
    types = pa.types
    kind = kind.value_type if types.is_dictionary(kind) else kind
    accepted = [types.is_string, types.is_large_string, types.is_string_view, types.is_null]
    binary = [types.is_binary, types.is_large_binary, types.is_fixed_size_binary]
    times = [types.is_timestamp, types.is_date, types.is_floating, types.is_decimal, types.is_integer, *binary[:2]]
    if role in ("op", "counter"):
        accepted += [types.is_integer, types.is_boolean, types.is_floating, *binary]
    accepted += {
        "time": times,
        "end": times,
        "duration": [*times, types.is_duration],
        "session": [types.is_integer, *binary, lambda kind: isinstance(kind, pa.UuidType)],
    }.get(role, [])
    if not any(accepts(kind) for accepts in accepted):
        wanted = WANTED.get(role, "a number")
        raise ValueError(f"column {name!r} holds {shortened(str(kind))}; it must hold {wanted}")


def _intact(column: pa.Array) -> pa.Array:
    """Return a column. Raises ValueError where it refers to words that it does not have, which Arrow does not check."""
    if pa.types.is_dictionary(column.type):
        bounds = pc.min_max(column.indices.cast(pa.int64())).as_py()
        if bounds["max"] is not None and not 0 <= bounds["min"] <= bounds["max"] < len(column.dictionary):
            raise ValueError("not a readable Parquet file: a cell refers to a word that is not there")
    return column
