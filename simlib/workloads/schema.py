"""Workloads as YAML files (`data/workloads/`): the kinds of session, how often each arrives and how each behaves.

Refuses a file that does not fit the schema, naming the file and the field.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, ValidationError, model_validator

from simlib.core.distributions import LONGEST, Distribution, parse_bounded
from simlib.core.errors import InputError
from simlib.core.numbers import format_number
from simlib.core.places import WORKLOADS
from simlib.core.units import HOUR

WORKED_EXAMPLE = "incident"
"""The preset that measurements of the real thing are compared with, whatever a notebook runs on."""

FASTEST = 1e9
"""The highest rate of a workload, in arrivals an hour."""
MOST_ARRIVALS = 8e9
"""The most expected arrivals of a kind in one period of its rate: an hour, a day, or from one burst to the next.

They are counted in units of 2**-30 (`timetable.ARRIVAL_UNIT`) and must fit into 63 bits.
"""


def _gap(text: Any) -> Distribution:
    """Parse a distribution of gaps. Refuses a mean of 0, with which a session would emit without end in one instant."""
    gap = Distribution.parse(text)
    if gap.mean < 1:
        raise ValueError(f"{text!r} leaves no time between events: give a duration above 0")
    return gap


def _name(text: str) -> str:
    if not re.fullmatch(r"\w[\w .-]{0,79}", text):
        raise ValueError(f"{text[:60]!r} is no name: use letters, digits, spaces, dots and dashes, at most 80")
    return text


Duration = Annotated[int, PlainValidator(parse_bounded)]
Law = Annotated[Distribution, PlainValidator(Distribution.parse)]
Gap = Annotated[Distribution, PlainValidator(_gap)]
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Chance = Annotated[float, Field(ge=0, le=0.99, allow_inf_nan=False)]
Rate = Annotated[float, Field(ge=0, le=FASTEST, allow_inf_nan=False)]
Line = Annotated[str, Field(min_length=1)]
Name = Annotated[str, AfterValidator(_name)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Burst(_Frozen):
    """Arrivals `times` the usual rate for `lasts`, once in every `every`."""

    every: Duration
    lasts: Duration
    times: Rate

    @model_validator(mode="after")
    def _fits(self):
        if not 0 < self.lasts < self.every:
            raise ValueError("a burst must last longer than 0 and shorter than the time from one burst to the next")
        return self


class Arrivals(_Frozen):
    """A Poisson process: homogeneous, or shaped by 24 multipliers of the hour, or by regular bursts."""

    per_hour: Rate
    hourly: Annotated[list[Rate], Field(min_length=24, max_length=24)] | None = None
    burst: Burst | None = None

    @model_validator(mode="after")
    def _one_shape(self):
        if self.hourly and self.burst:
            raise ValueError("give 'hourly' or 'burst', not both")
        if self.in_period > MOST_ARRIVALS:
            raise ValueError(
                f"{format_number(self.in_period)} arrivals are expected from one period of the rate to the next: "
                f"at most {format_number(MOST_ARRIVALS)}"
            )
        return self

    @property
    def in_period(self) -> float:
        """Expected arrivals in one period of the rate."""
        bounds, rates = self.steps()
        return sum(rate * (stop - begin) / HOUR for begin, stop, rate in zip(bounds, bounds[1:], rates, strict=False))

    def evened(self) -> "Arrivals":
        """Return even arrivals at the same mean rate."""
        return Arrivals(per_hour=self.in_period * HOUR / self.steps()[0][-1])

    def steps(self) -> tuple[list[int], list[float]]:
        """Return one period of the rate: the n + 1 bounds of its steps in ns from 0, and n rates per hour."""
        if self.hourly:
            return [hour * HOUR for hour in range(25)], [self.per_hour * times for times in self.hourly]
        if self.burst:
            # The burst stands in the middle of its period, so that a simulation begins and ends in the usual state.
            begins = (self.burst.every - self.burst.lasts) // 2
            bounds = [0, begins, begins + self.burst.lasts, self.burst.every]
            return bounds, [self.per_hour, self.per_hour * self.burst.times, self.per_hour]
        return [0, HOUR], [self.per_hour]


class Pauses(_Frozen):
    """With this chance, a session rests for the time `lasts` between two events; the rest is not part of its work."""

    chance: Probability
    lasts: Gap


class Events(_Frozen):
    """The events of a session: one at once, then one after each gap, until it has worked for the time `lasts`."""

    gap: Gap
    lasts: Law
    pauses: Pauses | None = None


class Slow(_Frozen):
    """With this chance, a client drains slowly instead."""

    chance: Probability
    drains: Law


class Clients(_Frozen):
    """The clients that watch a session.

    A client joins some time after the session began, stays, and with the chance `returns` comes back after a time
    away, again and again. With the chance `another` there is a further client, and so on. Each client's channel holds
    `buffer` events, beside the one that its writer is sending, which takes the time `drains` (drawn once a client).
    """

    joins: Law
    stays: Law
    returns: Chance
    away: Law
    another: Chance
    buffer: Annotated[int, Field(ge=1, le=1_000_000)]
    drains: Law
    slow: Slow | None = None


class Kind(_Frozen):
    """One kind of session. Without clients none ever connects; `outlives_clients` makes an orphaned producer.

    With `token_deltas` each event comes with text that is streamed token by token. The broadcaster counts these deltas
    by session in a third map (`broadcaster.Broadcaster`); they are no events of their own here.
    """

    about: Line
    arrivals: Arrivals
    events: Events
    clients: Clients | None = None
    outlives_clients: bool = False
    token_deltas: bool = False


class InMemory(_Frozen):
    """Event history in the service's own memory: of at most `sessions` sessions, for `age` after the last event."""

    sessions: Annotated[int, Field(ge=1, le=1_000_000)]
    age: Duration

    @model_validator(mode="after")
    def _some_age(self):
        if self.age == 0:
            raise ValueError("age: 0 keeps no history: give a duration such as 1h")
        return self


class History(_Frozen):
    """Where the service keeps past events: outside, in a store, or in its own `memory`.

    In a file: `history: store`, which is the default, or `history: {memory: {sessions: 100, age: 1h}}`.
    """

    memory: InMemory | None = None

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        if given == "store":
            return {}
        if isinstance(given, cls) or (isinstance(given, dict) and "memory" in given):
            return given
        raise ValueError("give 'store', or 'memory' with 'sessions' and 'age'")


class Workload(_Frozen):
    """A named mixture of session kinds over a duration (ns), and the memory (MiB) that the two counters may fill."""

    name: Name
    title: Line
    about: Line
    duration: Duration
    memory_limit_mib: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    kinds: Annotated[dict[Name, Kind], Field(min_length=1)]
    history: History = History.model_construct(memory=None)

    @model_validator(mode="after")
    def _some_time(self):
        if self.duration == 0:
            raise ValueError("duration: 0 leaves nothing to simulate: give a duration such as 6h")
        return self

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


class _UniqueKeys(yaml.SafeLoader):
    """YAML that refuses a key given twice, where the last would silently win."""

    def construct_mapping(self, node, deep=False):
        if not isinstance(node, yaml.MappingNode):
            raise yaml.constructor.ConstructorError(None, None, "this is not a mapping", node.start_mark)
        keys = []
        for place in (key for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"):
            key = self.construct_object(place)
            if key in keys:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} is given twice", place.start_mark)
            keys.append(key)
        return super().construct_mapping(node, deep)


def workload_names() -> list[str]:
    """List the presets in `data/workloads/`, by name."""
    return sorted(path.stem for path in WORKLOADS.glob("*.yaml"))


def workload_file(name: str | Path) -> Path:
    """Return the file of a preset by its name, or the path itself of a workload file (ending in .yaml or .yml).

    Raises InputError for an unknown name, listing the presets.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        return path
    if str(name) not in workload_names():
        raise InputError(f"no workload {str(name)!r}: choose one of {', '.join(workload_names())}, or a .yaml file")
    return WORKLOADS / f"{name}.yaml"


def load_workload(name: str | Path) -> Workload:
    """Read a workload by the name of a preset or by its path. Raises InputError, naming the file and the field."""
    path = workload_file(name)
    try:
        fields = yaml.load(path.read_text(encoding="utf-8"), _UniqueKeys)
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        # PyYAML passes on the errors that Python raises for a date or a number in the file.
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())[:300]}") from None
    if not isinstance(fields, dict):
        raise InputError(f"{path}: a workload is a mapping of fields, such as 'title: ...'")
    try:
        return Workload.model_validate({"name": path.stem, **fields})
    except ValidationError as error:
        raise InputError(f"{path}: {_first(error)}") from None


def _first(error: ValidationError) -> str:
    """Format the first error of a validation as 'field: what is wrong, not what was given'."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    kind, given = first["type"], first["input"]
    if kind == "missing":
        return f"{field}: this field is missing"
    if kind == "extra_forbidden":
        return f"{field}: there is no such field"
    if kind == "value_error":
        return f"{field}: {first['ctx']['error']}" if field else str(first["ctx"]["error"])
    if kind == "float_type" and re.fullmatch(r"[+-]?[\d.]+[eE][+-]?\d+", str(given)):
        return f"{field}: YAML takes {given} for text: write it in plain digits"
    message = re.sub(r"^Input should be", "must be", first["msg"])
    return (
        f"{field}: {message}, not {str(given)[:60]!r}"
        if not isinstance(given, (int, float))
        else (f"{field}: {message}, not {given}")
    )
