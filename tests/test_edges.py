"""What the other suites leave open: kinds of damage, crowds of ties, spans of centuries, a `check()` that fails."""

import os
from dataclasses import asdict

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simlib.core.errors import InputError
from simlib.core.units import SECOND
from simlib.replay import ledger
from simlib.replay.observe import reference, replay
from simlib.stores.bounded import BoundedStore
from simlib.stores.contract import Settings
from simlib.stores.unbounded import UnboundedStore
from simlib.traces.chunks import open_stream
from simlib.traces.codes import OPS
from simlib.traces.files import FORMATS, read_trace, write_trace
from simlib.traces.trace import Trace
from tests.naive import naive_ledger


def trace_of(operations):
    times, sessions, ops = zip(*operations, strict=True) if operations else ((), (), ())
    return Trace.of(times, sessions, [OPS.index(op) for op in ops], np.zeros(len(ops)))


def totals(operations, design, chosen):
    trace = trace_of(operations)
    return asdict(ledger.totals(trace, replay(trace, design, chosen)))


# Stores


def zero_count(store):
    store._entries["a"] = 0, 5


def out_of_order(store):
    store._entries.move_to_end("a", last=False)
    store._entries["a"] = 1, 9


def over_the_cap(store):
    store._entries.update({"x": (1, 5), "y": (1, 5)})


def forgotten_tie(store):
    store._tied.clear()


@pytest.mark.parametrize("spoil", [zero_count, out_of_order, over_the_cap, forgotten_tie])
def test_check_notices_a_spoiled_bounded_store(spoil):
    # Three ids at one instant over a cap of two: "0" is evicted and the heap of ties is in use.
    store = BoundedStore(Settings(max_entries=2))
    for session in ("a", "b", "0"):
        store.increment(session, 5)
    store.check()
    spoil(store)
    with pytest.raises(AssertionError):
        store.check()


@pytest.mark.parametrize("part", ["_counts", "prunes", "evicted"])
def test_check_notices_a_spoiled_unbounded_store(part):
    store = UnboundedStore()
    store.increment("a", 0)
    store.check()
    kept = getattr(store, part)
    kept.update(b=0) if part == "_counts" else kept.append("a")
    with pytest.raises(AssertionError):
        store.check()


crowds = st.tuples(
    st.lists(st.tuples(st.integers(0, 39), st.sampled_from([0] * 12 + [1, 2]), st.booleans()), max_size=150),
    st.permutations(range(40)),
).map(
    # Ids arrive in any order of their names, dozens at one instant; one operation in four is a delete.
    lambda drawn: [
        (int(now), f"s{drawn[1][who]:02}", "delete" if deletes and who % 2 else "increment")
        for now, (who, _, deletes) in zip(np.cumsum([row[1] for row in drawn[0]]), drawn[0], strict=True)
    ]
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(operations=crowds, cap=st.integers(1, 12), ttl=st.integers(0, 3), prune_every=st.sampled_from([1, 2, 5, 256]))
def test_crowds_of_ties_far_over_the_cap(operations, cap, ttl, prune_every):
    expected = naive_ledger(operations, "bounded", cap, ttl, prune_every)
    assert totals(operations, "bounded", Settings(cap, ttl, prune_every)) == expected


# Ledger


def test_evictions_by_ttl_and_cap_and_entries_over_time():
    # cap 2, TTL 10, a tick on every 4th increment.
    # row 0 t=0   a       1 entry
    # row 1 t=3   b       2
    # row 2 t=11  c       3 > cap: the TTL phase removes a (idle 11 > 10); two left, nothing sorted -> 2
    # row 3 t=11  delete c                                                                          -> 1
    # row 4 t=20  b       4th increment: ticks, b itself is fresh (idle 17 before: a stale hit)      -> 1
    # row 5 t=21  a       2
    # row 6 t=22  d       3 > cap: none expired, b (seen 20) is the first of three                   -> 2
    # row 7 t=22  delete b: not there, and it makes the eviction of b true                           -> 2
    operations = [
        (0, "a", "increment"),
        (3, "b", "increment"),
        (11, "c", "increment"),
        (11, "c", "delete"),
        (20, "b", "increment"),
        (21, "a", "increment"),
        (22, "d", "increment"),
        (22, "b", "delete"),
    ]
    trace = trace_of(operations)
    observed = replay(trace, "bounded", Settings(2, 10, 4))
    rows = ledger.evictions(trace, observed)
    assert trace.ids[rows["session"]].tolist() == ["a", "b"]
    assert rows["cause"].tolist() == ["ttl", "cap"]
    assert rows["row"].tolist() == [2, 6]
    assert rows["idle"].tolist() == [11, 2]
    assert rows["count"].tolist() == [1, 2]
    assert rows["next_row"].tolist() == [5, 7]
    assert rows["dead"].tolist() == [False, True]
    assert np.cumsum(ledger.changes(trace, observed)).tolist() == [1, 2, 2, 1, 1, 2, 2, 2]
    assert asdict(ledger.totals(trace, observed)) == {
        "increments": 6,
        "deletes": 2,
        "deletes_hit": 1,
        "creates": 5,
        "stale_hits": 1,
        "cap_evictions": 1,
        "ttl_evictions": 1,
        "false_evictions": 1,
        "lost_counts": 1,
        "prunes": 3,  # rows 2, 4 and 6
        "entries_scanned": 3 + 1 + 3,
        "entries_sorted": 3,
        "peak_entries": 2,
        "final_entries": 2,
        "final_count_sum": 2,
        "log_lines": 6,
    }


@pytest.mark.parametrize("gap", ["entries", "counts"])
def test_each_invariant_is_checked(gap):
    trace = trace_of([(0, "a", "increment"), (1, "a", "increment")])
    observed = reference(trace, "unbounded")
    # A store that grew an entry, or a count, that no operation gave it.
    observed.store._counts["b" if gap == "entries" else "a"] = 3
    with pytest.raises(AssertionError, match=f"{gap} do not balance"):
        ledger.totals(trace, observed)


small = st.lists(
    st.tuples(st.sampled_from(["", "__missing__", "a", "b"]), st.sampled_from(["increment", "increment", "delete"])),
    max_size=25,
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(small)
def test_live_sessions_lie_between_two_increments(rows):
    # By definition, looking both ways from each row: the last operation and the next one are both increments.
    names = [name or "__missing__" if op == "increment" else name for name, op in rows]
    ops = [op for _, op in rows]
    n = len(rows)
    expected = [
        sum(
            [ops[j] for j in range(i + 1) if names[j] == name][-1:] == ["increment"]
            and [ops[j] for j in range(i + 1, n) if names[j] == name][:1] == ["increment"]
            for name in set(names[: i + 1])
        )
        for i in range(n)
    ]
    trace = trace_of([(i, name, op) for i, (name, op) in enumerate(rows)])
    assert ledger.live_sessions(trace).tolist() == expected


# Trace files


def read(tmp_path, text, name="log.csv"):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return read_trace(tmp_path / name)


def refused(path):
    with pytest.raises(InputError) as caught:
        read_trace(path)
    message = str(caught.value)
    assert str(path) in message
    assert message.splitlines() == [message]
    return message


def test_dates_of_unlike_precision_and_offset_in_one_column(tmp_path):
    # The first rows are coarser than the later ones: nothing may be rounded to the first row's unit.
    text = (
        "time,session\n2026-02-10,a\n2026-02-10T00:00:00.000000001Z,a\n2026-02-10T05:30:00.000001+05:30,a\n"
        "2026-02-09 23:00:00.123456789-01:00,a\n2026-02-10T00:00:01,a\n"
    )
    first = 1_770_681_600 * SECOND
    expected = [first, first + 1, first + 1000, first + 123_456_789, first + SECOND]
    assert read(tmp_path, text).time.tolist() == expected


@pytest.mark.parametrize("line", ["time,session\n{},a\n", '{{"time": {}, "session": "a"}}\n'])
def test_the_last_nanosecond_of_64_bits_is_read_and_the_next_refused(tmp_path, line):
    name = "log.csv" if line.startswith("time") else "log.jsonl"
    assert read(tmp_path, line.format("9223372036.854775807"), name).time.tolist() == [2**63 - 1]
    for more in ("9223372036.854775808", "9999999999", "10000000000"):
        (tmp_path / name).write_text(line.format(more))
        assert "row 1: time" in refused(tmp_path / name)


@pytest.mark.parametrize("ending", FORMATS)
def test_times_before_the_epoch_of_a_log_are_written_and_read_back(tmp_path, ending):
    times = [-(10**18) - 1, -SECOND, -1, 0, 1]
    trace = Trace.of(times, ["a"] * 5, [0] * 5, [0] * 5)
    write_trace(trace, tmp_path / f"log{ending}")
    assert read_trace(tmp_path / f"log{ending}").time.tolist() == times


@pytest.mark.parametrize(("last", "kind"), [(2**51 - 1, "double"), (2**51, "timestamp[ns, tz=UTC]")])
def test_parquet_holds_seconds_as_long_as_a_float_keeps_their_nanoseconds(tmp_path, last, kind):
    path = tmp_path / "log.parquet"
    write_trace(trace_of([(last - 1, "a", "increment"), (last, "a", "increment")]), path)
    assert str(pq.read_schema(path).field("time").type) == kind
    assert read_trace(path).time.tolist() == [last - 1, last]


@pytest.mark.parametrize("missing", ["time", "session"])
def test_a_parquet_file_without_a_column_is_refused(tmp_path, missing):
    columns = {"time": [0.0], "session": ["a"], "more": [1]}
    del columns[missing]
    pq.write_table(pa.table(columns), tmp_path / "log.parquet")
    assert f"no column '{missing}'" in refused(tmp_path / "log.parquet")


def test_a_session_that_is_null_counts_as_missing(tmp_path):
    trace = read(tmp_path, '{"time": 0, "session": null}\n{"time": 1, "session": ""}\n', "log.jsonl")
    assert trace.ids.tolist() == ["__missing__"]
    for column in (pa.array(["a", None]), pa.array([7, None])):
        pq.write_table(pa.table({"time": [0, 1], "session": column}), tmp_path / "log.parquet")
        assert read_trace(tmp_path / "log.parquet").ids.tolist()[1:] == ["__missing__"]


def test_a_long_cell_is_shown_by_its_beginning(tmp_path):
    (tmp_path / "log.csv").write_text(f"time,session\n{'9' * 5000},a\n")
    message = refused(tmp_path / "log.csv")
    assert f"'{'9' * 50}" in message
    assert len(message.removeprefix(str(tmp_path))) < 250
    (tmp_path / "log.csv").write_text("time,session,op\n0,a,remove\n")
    assert "op 'remove' must be one of" in refused(tmp_path / "log.csv")


def test_times_centuries_apart_are_refused(tmp_path):
    # Each fits 64 bits of nanoseconds, their difference does not: idle ages would wrap around, unnoticed.
    (tmp_path / "log.csv").write_text("time,session\n-9000000000,a\n9000000000,a\n")
    assert "292 years apart" in refused(tmp_path / "log.csv")
    assert read(tmp_path, "time,session\n-4000000000,a\n5000000000,a\n").time.tolist() == [-4 * 10**18, 5 * 10**18]


@pytest.mark.parametrize(
    "cell",
    # pandas would take a number for nanoseconds since 1970, and these words for a date that each day is another.
    ["1770681600", "1770681600.5", '"today"', '"now"', '"1770681600"', "null", "true", '["2026-02-10"]', '""'],
)
def test_only_dates_stand_in_a_column_of_dates(tmp_path, cell):
    (tmp_path / "log.jsonl").write_text(
        f'{{"time": "2026-02-10", "session": "a"}}\n{{"time": {cell}, "session": "a"}}\n'
    )
    assert "row 2: time" in refused(tmp_path / "log.jsonl")


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_a_file_without_a_byte_is_refused_for_that(tmp_path, ending):
    # The name must not hold the word that is looked for.
    path = tmp_path / f"log{ending}"
    path.touch()
    assert "the file is empty" in refused(path).removeprefix(str(path))


@pytest.mark.parametrize("writer", ["ours", "plain", "dictionary"])
def test_a_parquet_file_with_any_byte_wrong_is_read_or_refused(tmp_path, writer):
    path = tmp_path / "log.parquet"
    if writer == "ours":
        # Timestamps, and ids by index: an index beyond the ids is found only when the ids are looked up.
        write_trace(trace_of([(0, "a", "increment"), (10**18, "b", "increment")]), path)
    else:
        table = pa.table({"time": [0.0, 1.0], "session": ["a", "b"]})
        pq.write_table(table, path, use_dictionary=writer == "dictionary", compression="none", store_schema=False)
    whole = path.read_bytes()
    messages = []
    for place in range(len(whole)):
        for byte in {8, whole[place] ^ 0xFF} - {whole[place]}:
            path.write_bytes(whole[:place] + bytes([byte]) + whole[place + 1 :])
            try:
                list(open_stream(path)())
                read_trace(path)
            except InputError as error:
                messages.append(str(error))
    assert len(messages) > 100
    assert [message.splitlines() for message in messages] == [[message] for message in messages]
    assert all(str(path) in message for message in messages)


@pytest.mark.parametrize("cut", [4, 12, 60, -60, -1])
def test_a_parquet_file_cut_short_is_refused(tmp_path, cut):
    path = tmp_path / "log.parquet"
    write_trace(trace_of([(0, "a", "increment")]), path)
    path.write_bytes(path.read_bytes()[:cut])
    refused(path)


def test_a_parquet_date_that_nanoseconds_cannot_hold_is_refused_by_row(tmp_path):
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table({"time": pa.array([0, 10**12], pa.timestamp("s")), "session": ["a", "b"]}), path)
    assert "row 2: time" in refused(path)


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("error", [RuntimeError("stop"), KeyboardInterrupt()])
def test_whatever_stops_a_write_leaves_what_was_there(tmp_path, monkeypatch, ending, error):
    path = tmp_path / f"log{ending}"
    write_trace(trace_of([(0, "a", "increment")]), path)
    before = path.read_bytes()

    def stop(*_):
        raise error

    # The last step of all: every byte is written, and the file has not yet its name.
    monkeypatch.setattr("simlib.core.files.os.replace", stop)
    with pytest.raises(type(error)):
        write_trace(trace_of([(1, "b", "increment")]), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


def test_a_written_file_has_the_permissions_of_any_new_file(tmp_path):
    written, before, after = tmp_path / "sub" / "log.csv", tmp_path / "before", tmp_path / "after"
    before.touch()
    write_trace(trace_of([(0, "a", "increment")]), written)
    after.touch()
    # Those after it too: the process's mask can only be read by setting it.
    assert {path.stat().st_mode for path in (written, after)} == {before.stat().st_mode}


def test_a_name_that_the_file_system_refuses_is_refused_in_one_line(tmp_path):
    long = tmp_path / ("x" * 300 + ".csv")
    assert "too long" in refused(long)
    for path in (long, tmp_path / ("x" * 300) / "log.csv"):
        with pytest.raises(InputError, match="too long"):
            write_trace(trace_of([(0, "a", "increment")]), path)
    assert os.listdir(tmp_path) == []


def test_a_directory_that_may_not_be_entered_is_refused_in_one_line(tmp_path, monkeypatch):
    # The tests may run as root, whom no directory keeps out: so the refusal is the system's answer, made up.
    def forbidden(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.stat", forbidden)
    with pytest.raises(InputError, match="Permission denied"):
        read_trace(tmp_path / "log.csv")
    with pytest.raises(InputError, match="Permission denied"):
        write_trace(trace_of([(0, "a", "increment")]), tmp_path / "log.csv")


def test_text_of_each_arrow_kind(tmp_path):
    for kind in (pa.string(), pa.large_string(), pa.string_view()):
        pq.write_table(pa.table({"time": [0, 1], "session": pa.array(["a", "007"], kind)}), tmp_path / "log.parquet")
        assert read_trace(tmp_path / "log.parquet").ids.tolist() == ["a", "007"]


def test_a_damaged_checksum_is_not_called_no_gzip_file(tmp_path):
    path = tmp_path / "log.csv.gz"
    write_trace(trace_of([(0, "a", "increment")]), path)
    path.write_bytes(path.read_bytes()[:-8] + bytes(8))
    assert "not a gzip file" not in refused(path)
