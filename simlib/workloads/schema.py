"""Workloads as YAML files (`data/workloads/`): the kinds of session, how often each arrives and how each behaves.

Refuses a file that does not fit the schema, naming the file and the field.
"""

from collections.abc import Callable
from pathlib import Path

from pydantic import Field, ValidationError, field_validator

from simlib.core.distributions import LONGEST
from simlib.core.errors import InputError, quoted
from simlib.core.places import INCIDENTS, WORKLOADS
from simlib.core.units import HOUR
from simlib.workloads.arrivals import MOST_ARRIVALS, Arrivals
from simlib.workloads.document import explained, read_fields
from simlib.workloads.entry import Entry, Limit
from simlib.workloads.fields import FASTEST, Duration, Frozen, Line, Name, Number, Whole
from simlib.workloads.kinds import History, Kind

WORKED_EXAMPLE = "incident"
"""The preset that measurements of the real thing are compared with, whatever a notebook runs on."""

FLOOD = "flood"
"""The preset of unique ids, under which `05_designs` shows every design whatever it runs on."""


class Workload(Frozen):
    """A named mixture of session kinds over a duration (ns), and the memory (MiB) that the two counters may fill.

    At time 0 all maps, channels and histories are empty, as after a restart. With `before`, sessions have been arriving
    for that time (ns): their events before 0 are left out, and clients that are connected at 0 connect at 0.

    `entry_bytes`, `entry_limit`: None where the file does not say.
    """

    name: Name
    """The name of the workload; a file's own name where it does not say."""
    title: Line = Field(examples=["A deploy every two hours"])
    """A few words for headings."""
    about: Line = Field(examples=["A service whose callers retry under fresh ids."])
    """A few sentences: what the service is, and where its numbers come from."""
    duration: Duration = Field(examples=["12h"])
    """The time to simulate."""
    before: Duration = Field(default=0, examples=["24h"])
    """The time before the start in which sessions have arrived; those still under way go on. Without it none is."""
    memory_limit_mib: Number = Field(gt=0, examples=["32"])
    """The memory in MiB that is left to the maps under study."""
    kinds: dict[Name, Kind] = Field(min_length=1)
    """The kinds of session, by name."""
    history: History = History.model_construct(memory=None)
    """Where the service keeps past events: `store`, or in its own memory."""
    entry_bytes: Number | None = Field(default=None, ge=1, le=1 << 40, examples=["10000"])
    """The bytes of one entry, its key and its share of the map included; without it those of the incident's maps."""
    entry_limit: Whole | None = Field(default=None, ge=1, le=1 << 40, examples=["2097152"])
    """The entries at which the service fails or refuses, where that is its limit instead of memory."""

    @field_validator("duration")
    @classmethod
    def _some_time(cls, duration: int) -> int:
        if duration == 0:
            raise ValueError("0 leaves nothing to simulate: give a duration such as 6h")
        return duration

    @property
    def entry(self) -> Entry:
        """The bytes of one entry, as far as the file says."""
        return Entry(given=self.entry_bytes)

    @property
    def limit(self) -> Limit:
        """The limit of the maps together: in entries where the file says so, otherwise in memory."""
        return Limit(entries=self.entry_limit) if self.entry_limit else Limit(mib=self.memory_limit_mib)

    def lasting(self, duration: float) -> "Workload":
        """Return the same workload over another duration in ns. Raises InputError where that is out of range."""
        if not 1 <= duration <= LONGEST:
            raise InputError(f"hours: {duration / HOUR:g} is out of range: above 0, at most {LONGEST // HOUR}")
        return self.model_copy(update={"duration": round(duration)})

    @property
    def most_times(self) -> float:
        """The largest factor by which every arrival rate may be multiplied; inf where nothing arrives."""
        arrivals = [kind.arrivals for kind in self.kinds.values() if kind.arrivals.per_hour > 0]
        most = (min(FASTEST / each.per_hour, MOST_ARRIVALS / max(each.in_period, 1e-300)) for each in arrivals)
        return min(most, default=float("inf"))

    def times(self, factor: float) -> "Workload":
        """Return the same workload with every arrival rate multiplied by `factor`; the shapes of the rates stay.

        Raises InputError for a factor below 0, or one that makes a rate higher than a file may hold.
        """
        if not (0 <= factor <= self.most_times and factor < float("inf")):
            raise InputError(
                f"factor: {factor:g} is out of range: from 0 to {self.most_times:g}, the highest rate of arrivals"
            )
        return self._with_arrivals(lambda arrivals: {"per_hour": arrivals.per_hour * factor})

    def evened(self) -> "Workload":
        """Return the same workload with even arrivals at their mean rates."""
        return self._with_arrivals(lambda arrivals: dict(arrivals.evened()))

    def from_hour(self, hour: int) -> "Workload":
        """Return the same workload, begun at another hour of its day; rates without hours of the day stay."""
        return self._with_arrivals(
            lambda arrivals: {"hourly": [*arrivals.hourly[hour:], *arrivals.hourly[:hour]]} if arrivals.hourly else {}
        )

    def busiest_hour(self, hours: int) -> int:
        """Return the hour of the day after which most sessions arrive within `hours`; the first of equals."""
        arrivals = [kind.arrivals for kind in self.kinds.values() if kind.arrivals.hourly]
        day = [sum(each.per_hour * each.hourly[hour] for each in arrivals) for hour in range(24)]
        return max(range(24), key=lambda first: sum(day[(first + more) % 24] for more in range(hours)))

    def _with_arrivals(self, change: Callable[[Arrivals], dict]) -> "Workload":
        kinds = {
            name: kind.model_copy(update={"arrivals": kind.arrivals.model_copy(update=change(kind.arrivals))})
            for name, kind in self.kinds.items()
        }
        return self.model_copy(update={"kinds": kinds})


def workload_names() -> list[str]:
    """List the presets in `data/workloads/`, by name."""
    return sorted(path.stem for path in WORKLOADS.glob("*.yaml"))


def incident_names() -> list[str]:
    """List the reproduced public incidents in `data/incidents/`, by name; they run only where they are named."""
    return sorted(path.stem for path in INCIDENTS.glob("*.yaml"))


def workload_file(name: str | Path) -> Path:
    """Return the file of a preset by its name, or the path itself of a workload file (ending in .yaml or .yml).

    Raises InputError for an unknown name, listing the presets.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        return path
    for preset in (WORKLOADS / f"{name}.yaml", INCIDENTS / f"{name}.yaml"):
        if str(name) in (*workload_names(), *incident_names()) and preset.is_file():
            return preset
    known = ", ".join([*workload_names(), *incident_names()])
    raise InputError(f"no workload {quoted(name)}: choose one of {known}, or a .yaml file")


def load_workload(name: str | Path) -> Workload:
    """Read a workload by the name of a preset or by its path. Raises InputError, naming the file and the field."""
    path = workload_file(name)
    try:
        return Workload.model_validate({"name": path.stem, **read_fields(path)})
    except ValidationError as error:
        raise InputError(f"{path}: {explained(error, Workload)}") from None
