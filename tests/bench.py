"""Speeds, each as a ratio to a yardstick measured in turn with it in the same run. `make bench`.

Prints a table and writes `build/bench.json`: a list `figures` of objects with `name`, `value` (median ratio), `unit`,
`target`, `met`, and the samples behind them.
"""

import json
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import simpy
from cachetools import LRUCache
from tqdm import tqdm

from simlib import ledger
from simlib.churn import simulate
from simlib.plan import timetable
from simlib.replay import Observed, reference
from simlib.stores import Settings
from simlib.trace import COUNTERS, Trace, whole_file
from simlib.units import HOUR
from simlib.workload import Workload, load_workload

ROUNDS = 5
OUT = Path(__file__).parents[1] / "build" / "bench.json"


def side_by_side(
    name: str, ours: Callable[[], float], yardstick: Callable[[], float], unit: str, target: float
) -> dict:
    """Rates of both, taken in turn after a warm-up of each; the value is the median of the ratios of the pairs."""
    ours(), yardstick()
    pairs = [(ours(), yardstick()) for _ in range(ROUNDS)]
    value = statistics.median(mine / other for mine, other in pairs)
    return {
        "name": name,
        "value": round(value, 3),
        "unit": unit,
        "target": target,
        "met": value >= target,
        "ours_per_s": [round(mine) for mine, _ in pairs],
        "yardstick_per_s": [round(other) for _, other in pairs],
    }


def rate(count: int, work: Callable[[], object]) -> float:
    """`count` a second of wall time in `work`, not counting the time to throw away what it made."""
    begins = time.perf_counter()
    made = work()
    took = time.perf_counter() - begins
    del made
    return count / took


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


def main() -> None:
    incident = load_workload("incident").lasting(12 * HOUR)
    trace = mostly_new(1_000_000)
    # Many sessions at work at once, each seldom: twenty thousand, where a heap of processes is deep.
    crowd = incident.model_copy(
        update={
            "kinds": {
                "crowd": incident.kinds["background"].model_copy(
                    update={
                        "arrivals": incident.kinds["background"].arrivals.model_copy(update={"per_hour": 20_000.0}),
                        "events": incident.kinds["background"].events.model_validate(
                            {"gap": "exponential 20m", "lasts": "exponential 1h"}
                        ),
                    }
                )
            },
            "duration": 8 * HOUR,
        }
    )
    figures = [
        lambda: side_by_side(
            "SimPy model, incident, to the plainest program with the same turnover of sessions",
            lambda: model_rate(incident),
            lambda: plain_rate(incident, turnover=True),
            "x events/s",
            1.0,
        ),
        lambda: side_by_side(
            "SimPy model, 20 000 sessions at work, to the plainest program with the same turnover",
            lambda: model_rate(crowd),
            lambda: plain_rate(crowd, turnover=True),
            "x events/s",
            1.0,
        ),
        lambda: side_by_side(
            "SimPy model, 20 000 sessions at work, to the plainest program without any turnover",
            lambda: model_rate(crowd),
            lambda: plain_rate(crowd, turnover=False),
            "x events/s",
            1.0,
        ),
        lambda: side_by_side(
            "SimPy model, incident, to the plainest program without any turnover",
            lambda: model_rate(incident),
            lambda: plain_rate(incident, turnover=False),
            "x events/s",
            1.0,
        ),
        lambda: side_by_side(
            "Reference replay, 10^6 operations, 9 in 10 from new sessions, to cachetools.LRUCache",
            lambda: rate(len(trace), lambda: reference(trace, "bounded", Settings())),
            lambda: lru_rate(trace),
            "x operations/s",
            1.0,
        ),
        lambda: side_by_side(
            "The same with the whole ledger worked out from it",
            lambda: rate(len(trace), lambda: ledger.totals(trace, reference(trace, "bounded", Settings()))),
            lambda: lru_rate(trace),
            "x operations/s",
            1.0,
        ),
    ]
    measured = [figure() for figure in tqdm(figures, desc="benchmarks")]
    OUT.parent.mkdir(exist_ok=True)
    with whole_file(OUT) as file:
        file.write_text(json.dumps({"figures": measured}, indent=1) + "\n", encoding="utf-8")
    for figure in measured:
        spread = sorted(
            mine / other for mine, other in zip(figure["ours_per_s"], figure["yardstick_per_s"], strict=True)
        )
        print(
            f"{figure['value']:7.2f} {figure['unit']:<15} target {figure['target']:g} "
            f"{'met   ' if figure['met'] else 'MISSED'} {spread[0]:.2f}..{spread[-1]:.2f}  "
            f"{statistics.median(figure['ours_per_s']):>9,.0f} to "
            f"{statistics.median(figure['yardstick_per_s']):>9,.0f}/s  "
            f"{figure['name']}"
        )


if __name__ == "__main__":
    main()
