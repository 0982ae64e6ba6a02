"""The claims of a Parquet file are checked before it is read."""

import io
from itertools import product

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simlib.traces.pages import check_column, check_pages
from tests.traces.helpers import refused, write

MIB = 1 << 20


def varint(value):
    """An unsigned integer of Thrift's compact protocol."""
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def integer(value):
    return varint(value << 1 if value >= 0 else (-value << 1) - 1)


def page(unpacked, packed, words=None, content=None):
    """A page whose header has a type, both sizes, and, where it is of a dictionary, the number of words."""
    dictionary = b"" if words is None else b"\x4c\x15" + integer(words) + b"\x15\x00\x00"
    head = b"\x15\x04\x15" + integer(unpacked) + b"\x15" + integer(packed) + dictionary + b"\x00"
    return head + bytes(packed if content is None else content)


def checked(data, size=10_000):
    check_column(io.BytesIO(data), 0, len(data), size)


def test_pages_of_honest_sizes_pass():
    checked(page(5000, 300, words=40) + page(MIB, 2000) + page(0, 0))
    checked(page(64 * MIB, 9))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (page(64 * MIB + 1, 9), "claims to unpack to 67,108,865 bytes"),
        (page(100, 20, words=2**31), "claims to unpack"),
        (page(100, 10_001, content=20), "a page is damaged"),
        (page(-1, 20), "a page is damaged"),
        (page(100, -20, content=0), "a page is damaged"),
        (page(100, 20)[:2], "cut short"),
        (b"\x15\x04\x1b\x00", "its footer or a page is damaged"),
        (b"\x1c" * 50, "its footer or a page is damaged"),
        (b"\xff" * 50, "damaged"),
        (b"\x15\x04\x19\xf1" + b"\xff" * 8 + b"\x7f", "cut short"),
        (b"\x00", "its footer or a page is damaged"),
    ],
)
def test_a_page_that_claims_too_much_or_is_damaged_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        checked(data)


def test_a_large_file_may_have_larger_pages():
    checked(page(200 * MIB, 9), size=MIB)


def test_pages_that_lie_outside_of_the_file_are_refused():
    with pytest.raises(ValueError, match="outside of the file"):
        check_column(io.BytesIO(b""), 5, 10, 5)


@pytest.mark.parametrize(
    ("compression", "version", "words"), [*product(["none", "snappy", "zstd", "gzip"], ["1.0", "2.0"], [True, False])]
)
def test_what_arrow_writes_passes(tmp_path, compression, version, words):
    rows = 5000
    table = pa.table(
        {
            "time": np.arange(rows) / 7,
            "session": [f"s{each % 700}" for each in range(rows)],
            "long": ["x" * (each % 3000) for each in range(rows)],
            "flag": np.arange(rows) % 2 == 0,
            "inside": [{"user": each, "tags": ["a", None]} for each in range(rows)],
        }
    )
    options = {"compression": compression, "data_page_version": version, "use_dictionary": words}
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=2000, write_page_checksum=True, **options)
    check_pages(tmp_path / "a.parquet")


def test_a_file_of_more_rows_than_bytes_can_be_is_refused(tmp_path):
    rows = (1 << 24) + 1
    path = write(tmp_path / "a.parquet", time=pa.nulls(rows, pa.float64()), session=pa.nulls(rows, pa.string()))
    assert "claims 16,777,217 rows" in refused(path)
