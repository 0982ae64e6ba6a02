"""The explorer: seconds to build it, bytes in a page, ms to replay a point off its map and to draw one on it.

`make bench` includes it; alone it takes a minute. `python -m tests.bench_explore` prints the figures. What it draws is
measured in Chromium, and left out where that is missing.
"""

import gzip
import json
import random
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from simlib.analysis.explore import Explorer
from simlib.analysis.points import Point, Points
from simlib.analysis.sizing import Sizing, targets_of
from simlib.analysis.state import DESIGNS
from simlib.core.units import HOUR, MINUTE
from simlib.experiments.experiment import Experiment, open_experiment
from simlib.report.widget import TEMPLATES
from simlib.stores.contract import Settings
from tests.paths import LOGS

ROUNDS = 200

MANY = 200_000
"""Operations from which on it is measured how long the surfaces of a log take."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

DRAWN = """
const found = { point: [], map: [] };
const shown = mount(document.querySelector(".explorer"), JSON.parse(document.querySelector("#surfaces").textContent));
const { caps, ttls, traffic, measures } = shown.data;
const designs = Object.keys(shown.data.designs);
const timed = (into, changes) => {
  const begins = performance.now();
  shown.change(changes);
  // At once: a page would do so with its next frame.
  shown.draw();
  document.body.getBoundingClientRect();
  into.push(performance.now() - begins);
};
for (const name of ["point", "map"])
  for (let n = 0; n < ROUNDS; n++)
    timed(found[name], name === "point"
      ? { cap: caps[(n * 5) % caps.length], ttl: ttls[(n * 7) % ttls.length] }
      : { traffic: traffic[n % 5], design: designs[n % 3], measure: measures[n % 6].key });
document.querySelector("#found").textContent = JSON.stringify(found);
"""


def median_and_p95(values: list[float]) -> tuple[float, float]:
    return statistics.median(values), float(np.quantile(values, 0.95))


def opened(**what: object) -> Explorer:
    experiment: Experiment = open_experiment(**what, compiled=True)
    given = str(what.get("trace", "")) or str(what["workload"])
    return Explorer(Sizing(experiment, targets_of(), given))


def build_seconds(explorer: Explorer) -> float:
    """Seconds to build a surface of 32 x 32 caps and TTLs of each design, with every measure's totals."""
    caps = np.unique(np.geomspace(32, 262_144, 32).astype(int)).tolist()
    ttls = np.geomspace(MINUTE / 12, 168 * HOUR, 32).astype(int).tolist()
    points = [Point(design, Settings(cap, ttl)) for design in DESIGNS for cap in caps for ttl in ttls]
    assert len(points) == 3 * 32 * 32
    fresh = Points(explorer.points.traces)
    begins = time.perf_counter()
    for design in DESIGNS:
        fresh.replay_all([point for point in points if point.design == design])
    return time.perf_counter() - begins


def replay_ms(explorer: Explorer) -> list[float]:
    """Milliseconds to replay a point off the map, as the kernel does for the notebook."""
    begins, pick, spent = explorer.start, random.Random(1), []
    for design in DESIGNS:
        explorer.replay(begins._replace(point=Point(design, Settings())))
    for number in range(50):
        settings = Settings(pick.randrange(100, 100_000), pick.randrange(MINUTE, 6 * HOUR))
        state = begins._replace(point=Point(DESIGNS[number % len(DESIGNS)], settings))
        since = time.perf_counter()
        explorer.replay(state)
        spent.append(1e3 * (time.perf_counter() - since))
    return spent


def drawn_ms(data: str) -> dict[str, list[float]]:
    """Milliseconds to draw another point, and another map, layout included; empty without a browser."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not browser:
        return {}
    script, style = ((TEMPLATES / f"explorer.{ending}").read_text(encoding="utf-8") for ending in ("js", "css"))
    page = (
        f'<!doctype html><meta charset="utf-8"><style>{style}</style><div class="explorer"></div><pre id="found"></pre>'
        f'<script type="application/json" id="surfaces">{data}</script>'
        f'<script type="module">{script}{DRAWN.replace("ROUNDS", str(ROUNDS))}</script>'
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "page.html")
        path.write_text(page, encoding="utf-8")
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,800", "--dump-dom"]
        shown = subprocess.run(
            [*command, path.as_uri()], capture_output=True, text=True, check=True, timeout=120
        ).stdout
    return json.loads(re.search(r'<pre id="found">(.*?)</pre>', shown)[1])


def figures() -> list[tuple[str, str, float, float | None]]:
    """Return the name, the unit, the value and the most that it should be, if anything says, of each figure."""
    incident, million = opened(workload="incident"), opened(workload="incident", hours=104)
    found = []
    for name, each in [("incident", incident), *((log.name, opened(trace=str(log))) for log in LOGS)]:
        rows = len(each.points.traces[0])
        if rows >= MANY:
            what = f"Surfaces of 32 x 32 caps and TTLs of three designs, {name}, {rows} operations"
            found.append((what, "s", build_seconds(each), None))
    begins = time.perf_counter()
    data = json.dumps(incident.data(), separators=(",", ":"))
    found += [
        ("The explorer of incident, three designs and five traffics", "s", time.perf_counter() - begins, None),
        ("Its bytes in a page", "kB", len(data) / 1e3, 300),
        ("Its bytes in a page, packed", "kB", len(gzip.compress(data.encode())) / 1e3, 60),
    ]
    operations = len(million.points.traces[0])
    times = {f"A point off the map, replayed, {operations / 1e6:.2g} million operations": (replay_ms(million), 50)}
    names = {"point": "Another point on the map, drawn in Chromium", "map": "Another map, drawn in Chromium"}
    times |= {names[name]: (spent, 16) for name, spent in drawn_ms(data).items()}
    for name, (spent, most) in times.items():
        median, p95 = median_and_p95(spent)
        found += [(f"{name}, median", "ms", median, None), (f"{name}, p95", "ms", p95, most)]
    return found


if __name__ == "__main__":
    for name, unit, value, most in figures():
        print(f"{value:8.3g} {unit:2} {name}{f' (at most {most:g})' if most else ''}", flush=True)
