"""The findings of `06_validation`: the models of the suite against measurements from outside it.

The measurements lie in `data/calibration/`, so Go is not needed.
"""

import json
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from simlib.analysis.work import Work
from simlib.calibration import calibrate, golang
from simlib.core.errors import InputError
from simlib.core.numbers import format_count, format_hours, format_percent
from simlib.core.units import HOUR, SECOND
from simlib.experiments.experiment import Experiment
from simlib.experiments.replication import LIVE_DESIGNS
from simlib.figures import validation as figures
from simlib.figures.style import Drawing
from simlib.models import cost, heap
from simlib.models.cost import PARTS
from simlib.models.footprint import Footprint
from simlib.models.heap import CALIBRATION, GO_VERSIONS, MIB, heap_model
from simlib.replay import ledger
from simlib.replay.observe import replay
from simlib.stores.contract import Settings
from simlib.stores.registry import LEAKED, SHIPPED, find_design
from simlib.traces.codes import COUNTERS
from simlib.workloads.churn import simulate
from simlib.workloads.schema import load_workload

HEAP_LIMIT, COST_LIMIT, TIME_LIMIT = 0.05, 0.20, 0.10
"""The largest errors that the models of heap, cost and time to the limit may have."""

LIVE_GO_OPERATIONS = 20_000
"""Operations of the first replication that are compared with Go where it is installed: Go really sorts, slowly."""


@dataclass(frozen=True)
class GoLedgers:
    """The ledgers of the installed Go beside Python's: its `version`, empty where there is none.

    `compared` operations of an experiment were replayed by both; `differ` counts the ledgers that differ.
    """

    version: str
    compared: int
    differ: int

    @classmethod
    def of(cls, experiment: Experiment) -> "GoLedgers":
        """Replay the first operations of an experiment by both."""
        try:
            program = golang.build()
        except InputError:
            return cls("", 0, 0)
        compared = differ = 0
        with golang.Program(program) as go:
            for whole in experiment.first.counters.values():
                trace = whole.first(LIVE_GO_OPERATIONS)
                for design in LIVE_DESIGNS:
                    ours = asdict(ledger.totals(trace, replay(trace, design, experiment.settings)))
                    compared += len(trace)
                    differ += ours != go.ledger(trace, design, experiment.settings)
            return cls(go.version(), compared, differ)

    @property
    def agree(self) -> bool | None:
        """Whether no ledger differs; None where there is no Go."""
        return self.differ == 0 if self.version else None

    def note(self) -> str:
        """Report the comparison, in a sentence; empty where there is none."""
        if not self.version:
            return ""
        same = "the same ledgers" if not self.differ else f"{self.differ} different ledgers"
        return f"{self.version} gives {same} on {format_count(self.compared)} operations."


class Validation:
    """Checks of the models, whatever the experiment."""

    # --- The stores

    @cached_property
    def conformance(self) -> dict[str, int]:
        """Streams, operations and differences when Go and Python were compared at the last calibration."""
        return json.loads((CALIBRATION / "conformance.json").read_text(encoding="utf-8"))

    # --- The heap

    @cached_property
    def heap_measured(self) -> pd.DataFrame:
        """Every heap measurement with the model's relative errors: columns `error_grown` and `error_after` beside."""
        table = pd.read_csv(CALIBRATION / "heap.csv", dtype={"go_version": str})
        parts = []
        for (design, version), mine in table.groupby(["design", "go_version"]):
            errors = calibrate.heap_errors(heap_model(design, version), mine)
            parts.append(mine.assign(error_grown=errors[:, 0], error_after=errors[:, 1]))
        return pd.concat(parts).sort_index()

    def heap_error(self) -> float:
        """The largest error of the heap models at sizes held back from their fit, as a share."""
        table = self.heap_measured[self.heap_measured["held_back"]]
        return float(table[["error_grown", "error_after"]].abs().to_numpy().max())

    def draw_heap(self) -> Drawing:
        """Draw the live heap of an entry, measured and modelled, on the newest Go."""
        version = GO_VERSIONS[-1]
        table = self.heap_measured
        table = table[
            (table["go_version"] == version) & (table["key_length"] == heap.KEY_LENGTH) & (table["keep"] == 0)
        ]
        sizes = np.geomspace(100, 2_000_000, 400).round()
        data = pd.DataFrame({"entries": sizes})
        points = {}
        for design in LIVE_DESIGNS:
            data[design] = heap_model(design, version).live_bytes(sizes) / sizes
            mine = table[table["design"] == design]
            points[design] = (
                mine["entries"].to_numpy(),
                (mine["grown"] / mine["entries"]).to_numpy(),
                mine["held_back"].to_numpy(),
            )
        message = f"The heap model is off by at most {format_percent(self.heap_error())} at sizes it was not fitted to"
        designs = {design: (find_design(design).go_map, find_design(design).colour) for design in points}
        return figures.heap_model(data, points, designs, message)

    # --- The cost

    @cached_property
    def cost_table(self) -> pd.DataFrame:
        """Relative errors of the prices at held-back sizes; columns `go_version`, `entries` and those of PARTS."""
        return calibrate.cost_errors(pd.read_csv(CALIBRATION / "cost.csv", dtype={"go_version": str}))

    def cost_error(self) -> float:
        """The largest error of the prices at held-back sizes, as a share."""
        return float(self.cost_table[list(PARTS)].abs().to_numpy().max())

    def draw_cost(self) -> Drawing:
        """Draw the time of a prune, measured and modelled, on the newest Go."""
        version = GO_VERSIONS[-1]
        table = pd.read_csv(CALIBRATION / "cost.csv", dtype={"go_version": str})
        least = table[table["go_version"] == version].groupby(["entries", "held_back"])[list(PARTS)].min()
        least = least.reset_index()
        sizes = np.geomspace(64, least["entries"].max(), 300).round()
        data, points = pd.DataFrame({"entries": sizes}), {}
        for part in ("scan", "sort"):
            data[part] = cost.prices(version).of(part, sizes) / 1000
            points[part] = (
                least["entries"].to_numpy(),
                least[part].to_numpy() / 1000,
                least["held_back"].to_numpy(),
            )
        message = f"The time of a prune is off by at most {format_percent(self.cost_error())} at sizes not fitted to"
        return figures.prune_prices(data, points, message)

    @cached_property
    def stall(self) -> pd.DataFrame:
        """Replay the incident's first hours through the real store and the model.

        Columns: `new_per_second`, and the mean time of an increment, `measured_ns` and `model_ns`.
        """
        measured = pd.read_csv(CALIBRATION / "stall.csv")
        hours = calibrate.STALL_HOURS * HOUR
        trace = simulate(load_workload("incident").lasting(hours), 1).only("no_client")
        rate = ledger.totals(trace, replay(trace, LEAKED)).creates / (hours / SECOND)
        rows = []
        for row in measured.itertuples():
            faster = trace.faster(row.speed)
            work = Work.of(faster, replay(faster, SHIPPED, Settings()), 0, hours / row.speed, GO_VERSIONS[-1])
            rows.append({"new_per_second": rate * row.speed, "measured_ns": row.mean_ns, "model_ns": work.mean_ns})
        return pd.DataFrame(rows)

    def stall_error(self) -> float:
        """The largest error of the modelled mean time of an increment beyond the cliff, as a share."""
        over = self.stall[self.stall["measured_ns"] > 10_000]
        return float((over["model_ns"] / over["measured_ns"] - 1).abs().max())

    def draw_stall(self) -> Drawing:
        """Draw the mean time of an increment against the rate of new sessions, predicted and real."""
        message = f"The real store slows down where the model does, within {format_percent(self.stall_error())}"
        return figures.stall(self.stall, message)

    # --- The incident

    @cached_property
    def incident(self) -> pd.DataFrame:
        """Samples of the incident replayed by real processes, and the prediction for the same entries.

        Columns: `seed`, `hours`, `resident_mib` (NaN once the limit was reached), `model_mib`.
        """
        table = pd.read_csv(CALIBRATION / "incident.csv")
        model = sum(Footprint().resident_mib(table[counter].to_numpy(), LEAKED) for counter in COUNTERS)
        return pd.DataFrame(
            {
                "seed": table["seed"],
                "hours": table["time"] / HOUR,
                "resident_mib": table["resident"] / MIB,
                "model_mib": model,
            }
        )

    @cached_property
    def limit_reached(self) -> pd.DataFrame:
        """For each seed the hours at which the limit was reached, `real` and `predicted`."""
        limit = load_workload("incident").memory_limit_mib
        rows = []
        for seed, samples in self.incident.groupby("seed"):
            real = samples["hours"][samples["resident_mib"].notna()].max()
            predicted = samples["hours"][samples["model_mib"] >= limit].min()
            rows.append({"seed": seed, "real": real, "predicted": predicted})
        return pd.DataFrame(rows).set_index("seed")

    def limit_error(self) -> float:
        """The largest error of the predicted time to the limit, as a share."""
        return float((self.limit_reached["predicted"] / self.limit_reached["real"] - 1).abs().max())

    def draw_incident(self) -> Drawing:
        """Draw the resident memory of real processes and as predicted, up to the limit."""
        real, predicted = self.limit_reached["real"].mean(), self.limit_reached["predicted"].mean()
        message = f"Real processes reached the limit in {format_hours(real)}; predicted: {format_hours(predicted)}"
        return figures.incident(self.incident, load_workload("incident").memory_limit_mib, message)

    # --- Together

    def answer(self) -> str:
        """Answer the notebook's question in two sentences."""
        counts = self.conformance
        ledgers, verdict = "the same ledger", "Yes"
        if counts["differences"]:
            ledgers, verdict = f"{format_count(counts['differences'])} different ledgers", "No"
        return (
            f"{verdict}: on {format_count(counts['streams'])} streams the stores and a real Go program gave {ledgers}. "
            f"At sizes that were not fitted, heap and prune time are off by at most "
            f"{format_percent(self.heap_error())} and {format_percent(self.cost_error())}, "
            f"the time to the memory limit by {format_percent(self.limit_error())}."
        )

    def origin(self) -> str:
        """Name the origin of the measurements, in a sentence."""
        origin = json.loads((CALIBRATION / "heap.json").read_text(encoding="utf-8"))["origin"]
        versions = ", ".join(origin["go"].values())
        return f"Measured on {origin['date']} with {versions} on an {origin['processor']} processor."
