"""Speeds, each as a ratio to a yardstick measured in turn with it in the same run. `make bench`.

Prints a table and writes `build/bench.json`: a list `figures` of objects with `name`, `value` (median), `unit`,
`target`, `met`, whether the target is the `least` or the `most`, and the samples behind them. A figure without a target
is there to be known. `python -m tests.bench --page` copies the table into docs/benchmarks.md.
"""

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import libcachesim
import numba
import numpy as np
import pandas as pd
import papermill
import pyarrow as pa
import pyarrow.parquet as pq
import simpy
from cachetools import LRUCache
from tqdm import tqdm

from simlib.core.files import whole_file
from simlib.core.units import HOUR, MINUTE
from simlib.replay import ledger
from simlib.replay.links import Links
from simlib.replay.observe import Observed, reference
from simlib.replay.surface import surface
from simlib.replay.totals import Spec, stream_totals
from simlib.report.notebooks import notebook_names, notebook_path
from simlib.report.runner import PROFILES
from simlib.stores.contract import Settings
from simlib.traces.chunks import open_stream, stream_of
from simlib.traces.codes import COUNTERS, INCREMENT
from simlib.traces.trace import Trace
from simlib.workloads.churn import simulate
from simlib.workloads.generator import Traffic, generate
from simlib.workloads.schema import Workload, load_workload
from simlib.workloads.timetable import timetable
from tests import bench_explore, growth
from tests.bench_designs import speeds

ROUNDS = 5
ROOT = Path(__file__).parents[1]
OUT = ROOT / "build" / "bench.json"
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- figures of make bench -->", "<!-- end of figures -->"


def figure(name: str, unit: str, value: float, target: float | None, least: bool = True, **samples) -> dict:
    """One line of the table; `least`: the target is the least that the value should be, else the most."""
    met = None if target is None else bool(value >= target if least else value <= target)
    bound = None if target is None else "least" if least else "most"
    return {
        "name": name,
        "value": float(f"{value:.4g}"),
        "unit": unit,
        "target": target,
        "bound": bound,
        "met": met,
        "samples": {key: [float(f"{each:.5g}") for each in values] for key, values in samples.items()},
    }


def side_by_side(
    name: str,
    ours: Callable[[], float],
    yardstick: Callable[[], float],
    unit: str,
    target: float | None,
    least: bool = True,
    rounds: int = ROUNDS,
) -> dict:
    """Rates (or times) of both, taken in turn after a warm-up of each; the value is the median of the pairs' ratios."""
    ours(), yardstick()
    pairs = [(ours(), yardstick()) for _ in range(rounds)]
    ratios = [mine / other for mine, other in pairs]
    mine, others = zip(*pairs, strict=True)
    return figure(name, unit, statistics.median(ratios), target, least, ratio=ratios, ours=mine, yardstick=others)


def seconds(work: Callable[[], object]) -> float:
    """Wall time of `work`, not counting the time to throw away what it made."""
    begins = time.perf_counter()
    made = work()
    took = time.perf_counter() - begins
    del made
    return took


def rate(count: int, work: Callable[[], object]) -> float:
    """`count` a second of wall time in `work`."""
    return count / seconds(work)


def model_rate(workload: Workload) -> float:
    """SimPy events a second of the model with both stores on both counters and the recorder live."""
    events = sum(1 for kind in workload.kinds for _ in timetable(workload, 1, kind))

    def run():
        observed = {name: [Observed("unbounded"), Observed("bounded")] for name in COUNTERS}
        return simulate(workload, 1, observed), observed

    return rate(events, run)


def plain_rate(workload: Workload, turnover: bool) -> float:
    """SimPy events a second of the plainest program: a process a session that draws its gaps and counts in one dict.

    It has the workload's mean number of sessions at work. With `turnover` they come and go at the workload's rates,
    each arrival being an event as well; without, the same sessions go on for ever.
    """
    rng, env, counts = random.Random(1), simpy.Environment(), {}

    def session(name, gap, until):
        while env.now < until:
            counts[name] = counts.get(name, 0) + 1
            yield env.timeout(rng.expovariate(1 / gap))

    def arrivals(kind, per_hour, gap, lasts):
        number = 0
        while True:
            yield env.timeout(rng.expovariate(per_hour / HOUR))
            number += 1
            env.process(session((kind, number), gap, env.now + (rng.expovariate(1 / lasts) if lasts else 1)))

    for name, kind in workload.kinds.items():
        per_hour, gap, lasts = kind.arrivals.per_hour, kind.events.gap.mean, kind.events.lasts.mean
        if turnover:
            env.process(arrivals(name, per_hour, gap, lasts))
        else:
            for number in range(round(per_hour * lasts / HOUR)):
                env.process(session((name, number), gap, float("inf")))
    begins = time.perf_counter()
    env.run(until=workload.duration)
    return (sum(counts.values()) + (len(counts) if turnover else 0)) / (time.perf_counter() - begins)


def mostly_new(operations: int) -> Trace:
    """Operations of which nine in ten come from a session not seen before, one from a recent one."""
    rng = np.random.default_rng(1)
    new = rng.random(operations) < 0.9
    number = np.cumsum(new)
    number = np.where(new, number, number - rng.integers(0, 1000, operations).clip(max=number))
    return Trace.of(
        np.arange(operations) * 1_000_000,
        [f"sess-{n:032x}" for n in number],
        np.zeros(operations),
        np.zeros(operations),
    )


def lru_rate(trace: Trace) -> float:
    """Operations a second of cachetools' LRU cache from the same columns: get the count, set it one higher."""

    def run():
        cache = LRUCache(2048)
        for name in trace.ids[trace.session].tolist():
            cache[name] = cache.get(name, 0) + 1

    return rate(len(trace), run)


def numpy_rate(workload: Workload) -> float:
    """Operations a second of NumPy: all sessions of the kinds nobody watches at once, then a stable argsort by time."""
    rng = np.random.default_rng(1)

    def run():
        times, owners = [], []
        for kind in workload.kinds.values():
            expected = kind.arrivals.evened().per_hour * workload.duration / HOUR
            begins = np.sort(rng.uniform(0, workload.duration, rng.poisson(expected)))
            gap, lasts = kind.events.gap.mean, kind.events.lasts.mean
            events = rng.geometric(gap / (gap + lasts), begins.size)
            owner = np.repeat(np.arange(begins.size), events)
            gaps = rng.exponential(gap * lasts / (gap + lasts) if lasts else 0.0, owner.size)
            if kind.events.pauses:
                low, high = kind.events.pauses.lasts.low, kind.events.pauses.lasts.high
                gaps += (rng.random(owner.size) < kind.events.pauses.chance) * rng.uniform(low, high, owner.size)
            firsts = np.cumsum(events) - events
            gaps[firsts] = 0
            passed = np.cumsum(gaps)
            time_ = (begins[owner] + passed - passed[firsts][owner]).astype(np.int64)
            inside = time_ < workload.duration
            times.append(time_[inside])
            owners.append(owner[inside])
        time_, owner = np.concatenate(times), np.concatenate(owners)
        order = np.argsort(time_, kind="stable")
        return time_[order], owner[order]

    begins = time.perf_counter()
    made = run()
    return made[0].size / (time.perf_counter() - begins)


def generated_rate(workload: Workload) -> float:
    """Operations a second of the compiled generator, one thread."""
    begins = time.perf_counter()
    count = sum(chunk.time.size for chunk in Traffic(workload, 1).until())
    return count / (time.perf_counter() - begins)


class Files:
    """The increments of a trace as files: Parquet for us, CSV and its own binary format for libCacheSim."""

    def __init__(self, folder: Path, trace: Trace):
        self.operations = len(trace)
        self.parquet, self.csv, self.binary = (folder / name for name in ("t.parquet", "t.csv", "t.oracleGeneral"))
        times, numbers = pa.array(trace.time, pa.timestamp("ns", "UTC")), trace.session.astype(np.int64)
        # Numbers in plain pages, as they are in the binary format.
        table = pa.table({"time": times, "session": numbers})
        pq.write_table(table, self.parquet, compression="none", use_dictionary=False)
        whole = trace.time // 1_000_000_000
        pd.DataFrame({"time": whole, "id": numbers + 1, "size": 1}).to_csv(self.csv, index=False)
        record = np.zeros(len(trace), np.dtype([("time", "<u4"), ("id", "<u8"), ("size", "<u4"), ("next", "<i8")]))
        record["time"], record["id"], record["size"], record["next"] = whole, numbers + 1, 1, -1
        record.tofile(self.binary)

    def ours(self) -> float:
        return rate(self.operations, lambda: stream_totals(open_stream(self.parquet), [Spec()]))

    def theirs(self, binary: bool) -> float:
        def run():
            given = libcachesim.ReaderInitParam(ignore_obj_size=True, obj_id_is_num=True, obj_id_is_num_set=True)
            kind = libcachesim.TraceType.ORACLE_GENERAL_TRACE
            if not binary:
                kind = libcachesim.TraceType.CSV_TRACE
                given.time_field, given.obj_id_field, given.obj_size_field = 1, 2, 3
                given.delimiter, given.has_header, given.has_header_set = ",", True, True
            reader = libcachesim.TraceReader(
                trace=str(self.binary if binary else self.csv), trace_type=kind, reader_init_params=given
            )
            return libcachesim.LRU(2048).process_trace(reader)

        return rate(self.operations, run)


@numba.njit
def read_all(time_, session, code):
    """Read every byte of the columns once: what memory allows at the most."""
    total = np.int64(0)
    for row in range(time_.size):
        total += time_[row] ^ session[row] ^ code[row]
    return total


def in_memory(trace: Trace) -> Callable[[], object]:
    """A replay of a trace that lies in memory."""
    stream = stream_of(trace)
    return lambda: stream_totals(stream, [Spec()])


def started(code: str, env: dict | None = None) -> float:
    """Seconds that Python takes to start, run some code, and end."""
    return seconds(
        lambda: subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **(env or {})}, check=True)
    )


def to_cachetools(name: str, trace: Trace) -> list[dict]:
    """The ways to replay a trace in memory, all of them with the whole ledger, against cachetools on its beginning.

    What is linked once serves any number of settings; received in chunks, a stream need not be in memory.
    """
    links, few = Links.of(trace), trace.first(1_000_000)
    ways = (
        ("by its watermark, the trace linked before", lambda: links.totals(Settings()), 70),
        # A copy knows nothing yet of its ties.
        ("by its watermark, linking it included", lambda: Links.of(replace(trace)).totals(Settings()), 70),
        ("in chunks", in_memory(trace), 70),
    )
    return [
        side_by_side(
            f"Compiled replay {way}, {name}, to cachetools.LRUCache",
            lambda work=work: rate(len(trace), work),
            lambda: lru_rate(few),
            "x",
            target,
            rounds=3,
        )
        for way, work, target in ways
    ]


LOAD = 100
"""Times the incident's traffic, where a stream shall be large: what is set up once does not matter then."""


def growth_figures() -> list[dict]:
    """Time an operation and memory at 10^8 operations against 10^6, with as many sessions live; and 10^9, once."""
    rows = growth.measure([10**6, 10**8], repeats=3)
    small, large = ([row for row in rows if (row["operations"] > 10**7) is large] for large in (False, True))

    def compare(name: str, most: float, of: Callable[[dict], float]) -> dict:
        ratios = [of(more) / of(less) for more, less in zip(large, small, strict=True)]
        return figure(
            f"Growth: {name}, at 10^8 operations to at 10^6",
            "x",
            statistics.median(ratios),
            most,
            least=False,
            ratio=ratios,
            at_1e6=[of(row) for row in small],
            at_1e8=[of(row) for row in large],
        )

    (billion,) = growth.measure([10**9], repeats=1)
    took, gib = billion["seconds"], billion["peak_mib"] / 1024
    whole = f"{billion['operations']:,} operations generated and replayed end to end, one thread"
    return [
        compare("time an operation", 1.5, lambda row: row["seconds"] / row["operations"]),
        compare("peak memory", 1.1, lambda row: row["peak_mib"]),
        figure(whole, "s", took, 90, least=False, seconds=[took]),
        figure(f"{whole}: peak memory", "GiB", gib, 1, least=False, gib=[gib]),
    ]


def starting() -> list[dict]:
    """The time of an import, with warm caches and without, and the functions compiled on a second run of a notebook."""
    kernels = "import simlib.replay.surface, simlib.experiments.sweep"
    started(kernels)
    bare = [started("pass") for _ in range(ROUNDS)]
    package = [started("import simlib") for _ in range(ROUNDS)]
    warm = [started(kernels) for _ in range(ROUNDS)]
    with tempfile.TemporaryDirectory() as folder:
        cold = started(kernels, {"NUMBA_CACHE_DIR": folder})
    import_s = statistics.median(package) - statistics.median(bare)
    compile_s = cold - statistics.median(warm)
    return [
        figure("Import of simlib", "s", max(import_s, 0.0), 0.5, least=False, with_package=package, bare=bare),
        figure("Import of every compiled kernel, caches warm", "s", statistics.median(warm), None, seconds=warm),
        figure("Compile time, once after an install", "s", compile_s, None, cold=[cold], warm=warm),
        figure("Functions compiled on a second run of every notebook", "", compiled_again(), 0, least=False),
    ]


def compiled_again() -> int:
    """Functions that numba compiles when every notebook is run for the second time."""
    compiled = 0
    # Numba then reports of each function whether it was found compiled, or is compiled and kept.
    os.environ["NUMBA_DEBUG_CACHE"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        for run in range(2):
            compiled = 0
            for name in notebook_names():
                out = Path(folder, f"{name}.{run}")
                executed = papermill.execute_notebook(
                    notebook_path(name),
                    str(out.with_suffix(".ipynb")),
                    {**PROFILES["ci"], "out": str(out)},
                    cwd=str(notebook_path(name).parent),
                    kernel_name="python3",
                    progress_bar=False,
                )
                said = "".join(output.get("text", "") for cell in executed.cells for output in cell.get("outputs", ()))
                if "data loaded from" not in said:
                    raise RuntimeError(f"{name} did not report what it compiles")
                compiled += said.count("data saved to")
    del os.environ["NUMBA_DEBUG_CACHE"]
    return compiled


def model_figures() -> list[dict]:
    """The SimPy model, and the readable stores, against plain programs."""
    incident = load_workload("incident").lasting(12 * HOUR)
    trace = mostly_new(1_000_000)
    # Many sessions at work at once, each seldom: twenty thousand, where a heap of processes is deep.
    kind = incident.kinds["background"]
    events = kind.events.model_validate({"gap": "exponential 20m", "lasts": "exponential 1h"})
    arrivals = kind.arrivals.model_copy(update={"per_hour": 20_000.0})
    crowd = incident.model_copy(
        update={
            "kinds": {"crowd": kind.model_copy(update={"arrivals": arrivals, "events": events})},
            "duration": 8 * HOUR,
        }
    )
    plain = "to the plainest program"
    return [
        side_by_side(
            f"SimPy model, {name}, {plain} {what}",
            lambda workload=workload: model_rate(workload),
            lambda workload=workload, turnover=turnover: plain_rate(workload, turnover),
            "x",
            1.0,
            rounds=3,
        )
        for name, workload in (("incident", incident), ("20 000 sessions at work", crowd))
        for turnover, what in ((True, "with the same turnover of sessions"), (False, "without any turnover"))
    ] + [
        side_by_side(
            f"Readable stores, 10^6 operations, 9 in 10 from new sessions{more}, to cachetools.LRUCache",
            lambda work=work: rate(len(trace), work),
            lambda: lru_rate(trace),
            "x",
            1.0,
            rounds=3,
        )
        for more, work in (
            ("", lambda: reference(trace, "bounded", Settings())),
            (", with the whole ledger", lambda: ledger.totals(trace, reference(trace, "bounded", Settings()))),
        )
    ]


def replay_figures() -> list[dict]:
    """The compiled replay, with the whole ledger, against caches and against reading the stream at all."""
    long = generate(load_workload("incident").lasting(480 * HOUR), 1).only("no_client")
    keep = long.op == INCREMENT
    codes, ids = pd.factorize(long.session[keep])
    zeros = np.zeros(codes.size, np.uint8)
    trace = Trace(long.time[keep], codes.astype(np.int32), zeros, zeros, long.ids[ids])
    new = mostly_new(5_000_000)
    columns = trace.time, trace.session.astype(np.int64), trace.op
    read_all(*columns)
    million = f"{len(trace) / 1e6:.1f} million increments of the incident"
    with tempfile.TemporaryDirectory() as folder:
        files = Files(Path(folder), trace)
        return [
            side_by_side(
                f"Compiled replay, {million}, from Parquet, to libCacheSim's LRU from CSV",
                files.ours,
                lambda: files.theirs(binary=False),
                "x",
                10,
            ),
            side_by_side(
                "The same to libCacheSim's LRU from its own binary format",
                files.ours,
                lambda: files.theirs(binary=True),
                "x",
                None,
            ),
            *to_cachetools("5 million operations, 9 in 10 from new sessions", new),
            *to_cachetools(million, trace),
            side_by_side(
                "Reading the same stream once, at memory's bandwidth, to the compiled replay of it",
                lambda: rate(len(trace), lambda: read_all(*columns)),
                lambda: rate(len(trace), in_memory(trace)),
                "x",
                None,
            ),
        ]


def generation_figures() -> list[dict]:
    """The compiled generator against the SimPy model and against NumPy."""
    more = load_workload("incident").times(LOAD).lasting(6 * HOUR)
    unwatched = more.model_copy(update={"kinds": {name: k for name, k in more.kinds.items() if not k.clients}})
    count = len(simulate(more, 1))
    return [
        side_by_side(
            f"Compiled generation, {count / 1e6:.1f} million operations of the incident at {LOAD} times its traffic, "
            "to the SimPy model",
            lambda: generated_rate(more),
            lambda: rate(count, lambda: simulate(more, 1)),
            "x",
            50,
            rounds=3,
        ),
        side_by_side(
            "Compiled generation of the unwatched kinds, to NumPy sampling with a stable argsort",
            lambda: generated_rate(unwatched),
            lambda: numpy_rate(unwatched),
            "x",
            3,
        ),
    ]


def surface_figures() -> list[dict]:
    """The whole map of every total against single replays."""
    trace = generate(load_workload("incident").times(30).lasting(18 * HOUR), 1).only("no_client").first(5_000_000)
    caps = np.geomspace(64, 200_000, 32).astype(int).tolist()
    ttls = np.geomspace(MINUTE, 6 * HOUR, 32).astype(int).tolist()
    stream = stream_of(trace)

    def replays():
        for cap, ttl in zip(caps, random.Random(1).sample(ttls, 32), strict=True):
            stream_totals(stream, [Spec("bounded", Settings(cap, ttl))])

    name = f"Surface of 32 x 32 caps and TTLs, every total, {len(trace) / 1e6:g} million operations, to 32 replays"
    return [
        side_by_side(
            f"{name}, one thread",
            lambda: seconds(lambda: surface(trace, caps, ttls)),
            lambda: seconds(replays),
            "x the time",
            4,
            least=False,
            rounds=3,
        )
    ]


def design_figures() -> list[dict]:
    figures = []
    for design, (millions, taken) in speeds().items():
        figures.append(figure(f"replay, compiled, {design}", "M operations/s", millions, 10))
        figures.append(figure(f"replay, readable, {design}, a million operations", "s", taken, 5, least=False))
    return figures


def explorer_figures() -> list[dict]:
    """How long the explorer takes to build, to answer and to draw, and how large it is."""
    return [figure(name, unit, value, most, least=False) for name, unit, value, most in bench_explore.figures()]


def table(figures: Sequence[dict]) -> list[str]:
    """The figures as the rows of a Markdown table."""
    rows = ["| figure | measured | target |", "|---|---|---|"]
    for each in figures:
        bound = {"least": "at least ", "most": "at most ", None: ""}[each["bound"]]
        target = "" if each["target"] is None else f"{bound}{each['target']:g}{'' if each['met'] else ': missed'}"
        ratios = each["samples"].get("ratio", ())
        spread = f" ({min(ratios):.3g} to {max(ratios):.3g})" if len(ratios) > 1 else ""
        rows.append(f"| {each['name']} | {each['value']:.3g} {each['unit']}{spread} | {target} |".replace("  ", " "))
    return rows


def write_page() -> None:
    """Put the table of the last run into docs/benchmarks.md, between its marks."""
    figures = json.loads(OUT.read_text(encoding="utf-8"))["figures"]
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    with whole_file(PAGE) as file:
        file.write_text("\n".join([before + BEGIN, "", *table(figures), "", END]) + after, encoding="utf-8")


def main() -> None:
    groups = (
        starting,
        replay_figures,
        generation_figures,
        surface_figures,
        growth_figures,
        model_figures,
        design_figures,
        explorer_figures,
    )
    figures = []
    for group in tqdm(groups, desc="benchmarks"):
        figures += group()
        OUT.parent.mkdir(exist_ok=True)
        with whole_file(OUT) as file:
            file.write_text(json.dumps({"figures": figures}, indent=1) + "\n", encoding="utf-8")
    print("\n".join(table(figures)))


if __name__ == "__main__":
    if sys.argv[1:] == ["--page"]:
        write_page()
    else:
        main()
