"""One contract for all engines: on every stream each gives the ledgers of the readable stores, to the last tie.

The Go program keeps it too (`tests/calibration/test_go.py`), and libCacheSim where it is defined (`test_libcachesim`).
"""

from dataclasses import replace
from functools import partial
from itertools import groupby, product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simlib.core.units import HOUR, MINUTE
from simlib.replay import ledger
from simlib.replay.links import Links
from simlib.replay.observe import reference, replay
from simlib.replay.surface import FEW, surface
from simlib.replay.totals import Spec, stream_totals
from simlib.stores.contract import Settings
from simlib.stores.registry import DESIGNS
from simlib.traces.chunks import open_stream, stream_of
from simlib.traces.codes import COMES_BACK, COUNTERS
from simlib.traces.files import read_trace, write_trace
from simlib.traces.trace import Trace
from simlib.workloads.churn import simulate
from simlib.workloads.schema import load_workload, workload_names
from tests.builders import CHOSEN, bounds, steps, trace_of, traces
from tests.paths import LOGS

TTLS = tuple(range(100, 100 + FEW))
"""More TTLs than are gone through one by one."""


BY_WATERMARK = ("bounded", "linked_list")
"""Designs that one moving watermark describes."""


def compiled(trace, specs):
    """The compiled store over a trace in memory."""
    only = {counter: trace.only(counter) for counter in COUNTERS}
    return [ledger.totals(only[spec.counter], replay(only[spec.counter], spec.design, spec.settings)) for spec in specs]


def chunked(trace, specs, rows=5000, max_awaiting=1 << 20):
    """The compiled store over a stream in chunks that does not say what a session does next."""
    return stream_totals(stream_of(trace, rows), specs, max_awaiting)


def looking_ahead(trace, specs, rows=5000):
    """The compiled store over a stream in chunks that does."""
    comes_back = np.zeros(len(trace), dtype=np.uint8)
    for number, counter in enumerate(COUNTERS):
        comes_back[trace.counter == number] = trace.only(counter).comes_back * COMES_BACK

    def stream():
        first = 0
        for chunk in stream_of(trace, rows)():
            known = comes_back[first : first + chunk.time.size]
            first += chunk.time.size
            yield replace(chunk, code=chunk.code | known, next_known=True)

    return stream_totals(stream, specs, max_awaiting=0)


def from_parquet(trace, specs, path, rows=5000, max_awaiting=1 << 20):
    """The compiled store over a file, a part at a time."""
    write_trace(trace, path)
    return stream_totals(open_stream(path, rows), specs, max_awaiting)


def linked(trace, specs):
    """The shipped store and exact LRU by their watermarks, one setting at a time."""
    links = {counter: Links.of(trace.only(counter)) for counter in COUNTERS}
    return [links[spec.counter].totals(spec.settings, spec.design) for spec in specs if spec.design in BY_WATERMARK]


def on_a_surface(trace, specs, threads=1):
    """The shipped store by its watermark, all TTLs of a cap side by side."""
    found = {}
    for (counter, every), group in groupby(sorted(specs, key=_surface_of), key=_surface_of):
        chosen = [spec.settings for spec in group]
        caps, ttls = {each.max_entries for each in chosen}, {each.ttl for each in chosen} | {*TTLS}
        found[counter, every] = surface(trace.only(counter), [*caps], [*ttls], every, threads)
    return [
        found[_surface_of(spec)].at(spec.settings.max_entries, spec.settings.ttl)
        for spec in specs
        if spec.design == "bounded"
    ]


def _surface_of(spec):
    return spec.counter, spec.settings.prune_every


def assert_same_record(trace, spec):
    """The ledger of the readable store, once the compiled store is seen to do the same in each operation."""
    only = trace.only(spec.counter)
    expected, found = (run(only, spec.design, spec.settings) for run in (reference, replay))
    np.testing.assert_array_equal(found.answers, expected.answers)
    np.testing.assert_array_equal(found.created, expected.created)
    np.testing.assert_array_equal(found.prunes, expected.prunes)
    assert sorted(found.final_counts) == sorted(expected.final_counts)
    rows = [ledger.evictions(only, each) for each in (expected, found)]
    # A map has no order: which of those that expire in one instant goes first is left open, but not by the cap.
    by_cap = [each.loc[each["cause"] == "cap", "session"].tolist() for each in rows]
    assert by_cap[0] == by_cap[1]
    rows = [each.sort_values(["row", "cause", "idle", "session"], ignore_index=True) for each in rows]
    pd.testing.assert_frame_equal(*rows)
    return ledger.totals(only, expected)


def assert_alike(trace, specs, engines):
    truth = [assert_same_record(trace, spec) for spec in specs]
    designs = {on_a_surface: ("bounded",), linked: BY_WATERMARK}
    for engine in engines:
        own = designs.get(engine.func, DESIGNS)
        expected = [totals for totals, spec in zip(truth, specs, strict=True) if spec.design in own]
        assert engine(trace, specs) == expected, engine


def specs_of(chosen):
    """Each setting by watermark for the first counter, the first setting for each design on both."""
    more = [Spec(design, chosen[0], counter) for design in DESIGNS for counter in COUNTERS]
    return [*(Spec(design, each) for design in BY_WATERMARK for each in chosen), *more]


@settings(max_examples=600)
@given(
    trace=traces() | traces(steps.map(lambda gap: gap + 1)),
    chosen=st.lists(bounds, min_size=1, max_size=3),
    rows=st.integers(1, 40),
    max_awaiting=st.sampled_from([1, 4, 1 << 20]),
)
def test_any_stream_deletes_and_ties_included(trace, chosen, rows, max_awaiting):
    ways = [
        partial(compiled),
        partial(chunked, rows=rows, max_awaiting=max_awaiting),
        partial(looking_ahead, rows=rows),
        partial(linked),
        partial(on_a_surface),
    ]
    assert_alike(trace, specs_of(chosen), ways)


@settings(max_examples=100)
@given(trace=traces(min_size=1), chosen=bounds, rows=st.integers(1, 40))
def test_any_stream_from_parquet(trace, chosen, rows, tmp_path_factory):
    path = tmp_path_factory.mktemp("stream") / "trace.parquet"
    specs = specs_of([chosen])
    assert from_parquet(trace, specs, path, rows) == compiled(trace, specs)


CAPS = [0, 1, 2, 3, 7, 20, 50, 100, 200, 500, 1000, 2048, 5000, 10**6, 2**63 - 1]
IDLE = [0, 1, 10**9, *(minutes * MINUTE for minutes in (1, 3, 5, 10, 20, 30, 60, 90)), 2**63 - 1]


def sampled(count):
    """Settings from all over the map, at both ends of 64 bits too, with some periods."""
    every = list(product(CAPS, IDLE))
    random = np.random.default_rng(1)
    return [Settings(*every[at], [1, 7, 256][at % 3]) for at in random.choice(len(every), count, replace=False)]


def assert_alike_on(trace, path):
    """All engines for few settings against the readable stores; the quick ones for many against the compiled."""
    ways = [
        *(partial(compiled), partial(chunked, max_awaiting=1000), partial(looking_ahead)),
        *(partial(from_parquet, path=path), partial(linked), partial(on_a_surface)),
    ]
    assert_alike(trace, specs_of(CHOSEN), ways)
    many = [Spec(design, each, counter) for each in sampled(12) for counter in COUNTERS for design in BY_WATERMARK]
    expected = compiled(trace, many)
    assert linked(trace, many) == expected
    assert on_a_surface(trace, many, threads=2) == expected[:: len(BY_WATERMARK)]


@pytest.mark.parametrize("workload", workload_names())
def test_every_workload(workload, tmp_path):
    assert_alike_on(simulate(load_workload(workload).lasting(4 * HOUR), 3), tmp_path / "trace.parquet")


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.name)
def test_every_log(log, tmp_path):
    # The logs lie beside the project, where they are at all.
    assert_alike_on(read_trace(log), tmp_path / "trace.parquet")


def test_many_more_increments_in_one_instant_than_the_store_holds():
    random = np.random.default_rng(1)
    names = [f"{number:04d}" for number in random.integers(0, 3000, 20_000)]
    trace = Trace.of(np.arange(20_000) // 7000, names, np.zeros(20_000), np.zeros(20_000))
    ways = [partial(engine) for engine in (compiled, chunked, linked, on_a_surface)]
    assert_alike(trace, [Spec("bounded", Settings(max_entries=500, ttl=0))], ways)


def test_caps_and_ttls_beyond_any_stream():
    trace = Trace.of([0, 5, 9, 2**62], ["a", "b", "a", "c"], [0, 0, 1, 0], [0] * 4)
    caps, ttls = [2**31 - 1, 2**31, 2**63 - 1, 2], [2**63 - 1, 2**62, 4]
    ways = [partial(engine) for engine in (compiled, chunked, linked, on_a_surface)]
    assert_alike(trace, [Spec("bounded", Settings(*each, 2)) for each in product(caps, ttls)], ways)


def test_logs_of_prunes_and_evictions_grow_as_needed():
    trace = Trace.of(np.arange(5000), [str(number) for number in range(5000)], np.zeros(5000), np.zeros(5000))
    observed = replay(trace, "bounded", Settings(max_entries=1, ttl=0))
    assert len(observed.prunes) == len(observed.evictions) == 4999
    assert ledger.totals(trace, observed).cap_evictions == 4999


def test_without_a_ttl_no_silence_is_too_long_for_the_compiled_rule():
    trace = trace_of([(0, "a", "increment"), (2**62 + 2, "a", "increment"), (2**63 - 1, "b", "increment")])
    for design in DESIGNS:
        assert ledger.totals(trace, replay(trace, design, Settings(ttl=0))).ttl_evictions == 0
