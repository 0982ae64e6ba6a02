"""An entry and a limit as a user gives them: what is said of them, and what is refused."""

import pytest

from simlib.core.errors import InputError
from simlib.workloads.entry import Entry, Limit, check_entry, with_given


def test_a_limit_is_said_with_its_unit_and_none_is_said_as_nothing():
    assert Limit().text() == ""
    assert not Limit().known
    assert Limit(mib=512).text() == "512 MiB"
    assert Limit(entries=2_097_152).text() == "2,097,152 entries"
    assert Limit(2048, 10).text() == "2 GiB or 10 entries"


def test_a_limit_allows_what_reaches_it_and_nothing_beyond():
    assert Limit().allows(1e9, 1e12)
    assert Limit(mib=8).allows(8, 1e12)
    assert not Limit(mib=8).allows(8.001, 1)
    assert Limit(8, 100).allows(8, 100)
    assert not Limit(8, 100).allows(1, 101)


def test_what_a_user_gives_stands_instead_of_what_is_known():
    known = Entry(40, given=300), Limit(entries=10)
    assert with_given(*known) == known
    assert with_given(*known, value_bytes=200) == (Entry(40, None, 200), Limit(entries=10))
    assert with_given(*known, entry_bytes=50, memory_limit_mib=64) == (Entry(40, 50), Limit(mib=64))
    assert with_given(*known, memory_limit_mib=64, entry_limit=5) == (Entry(40, 300), Limit(64, 5))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"entry_bytes": -1}, r"entry_bytes: -1 is out of range: 0 where it is not known, at most 1099511627776"),
        ({"entry_bytes": float("nan")}, "entry_bytes: nan is out of range"),
        ({"value_bytes": -5}, "value_bytes: -5 is out of range"),
        ({"entry_limit": 1 << 41}, "entry_limit: 2.19902e[+]12 is out of range"),
        ({"entry_bytes": 10, "value_bytes": 2}, "entry_bytes and value_bytes: give one of them"),
    ],
)
def test_what_is_out_of_range_is_refused(given, message):
    check_entry(10_000, 0, 2_097_152)
    with pytest.raises(InputError, match=message):
        check_entry(**given)
