"""What arrives: the kinds of session, how often each comes and how each behaves. Frozen and self-validating.

Owns the form of a workload file (YAML, `data/workloads/`) and refuses what does not fit it, naming file and field.
Nothing here is random or runs. Next: `plan` draws the sessions.
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
"""The highest rate that a workload may hold, in arrivals an hour."""
MOST_ARRIVALS = 8e9
"""What may be expected to arrive of a kind in one period of its rate: an hour, a day, or from one burst to the next.

More of them, by 2**30 each, would not go into 63 bits.
"""


def _gap(text: Any) -> Distribution:
    """A distribution of gaps: always some time, or a session would emit without end in one instant."""
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
        """Arrivals expected in one period of the rate."""
        bounds, rates = self.steps()
        return sum(rate * (stop - begin) / HOUR for begin, stop, rate in zip(bounds, bounds[1:], rates, strict=False))

    def steps(self) -> tuple[list[int], list[float]]:
        """One period of the rate: the n + 1 bounds of its steps in ns from 0, and the n rates in arrivals per hour."""
        if self.hourly:
            return [hour * HOUR for hour in range(25)], [self.per_hour * times for times in self.hourly]
        if self.burst:
            # The burst stands in the middle of its period, so that a run begins and ends in the usual state.
            begins = (self.burst.every - self.burst.lasts) // 2
            bounds = [0, begins, begins + self.burst.lasts, self.burst.every]
            return bounds, [self.per_hour, self.per_hour * self.burst.times, self.per_hour]
        return [0, HOUR], [self.per_hour]


class Pauses(_Frozen):
    """With this chance, a session rests for so long between two events; the rest does not count as its work."""

    chance: Probability
    lasts: Gap


class Events(_Frozen):
    """What a session's producer emits: one event at once, then one after each gap, until it has worked so long."""

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
    away, again and again. With the chance `another` there is a further client, and so on. A client holds up to
    `buffer` events and drains one every `drains` (drawn once for each client).
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
    """One kind of session. Without clients none ever connects; `outlives_clients` makes an orphaned producer."""

    about: Line
    arrivals: Arrivals
    events: Events
    clients: Clients | None = None
    outlives_clients: bool = False


class Workload(_Frozen):
    """A named mixture of session kinds over a duration (ns), with the memory (MiB) that the two maps may fill."""

    name: Name
    title: Line
    about: Line
    duration: Duration
    memory_limit_mib: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    kinds: Annotated[dict[Name, Kind], Field(min_length=1)]

    @model_validator(mode="after")
    def _some_time(self):
        if self.duration == 0:
            raise ValueError("duration: 0 leaves nothing to simulate: give a duration such as 6h")
        return self

    def lasting(self, duration: float) -> "Workload":
        """The same workload over another duration in ns. Raises InputError where that is no time, or too much."""
        if not 1 <= duration <= LONGEST:
            raise InputError(f"hours: {duration / HOUR:g} is out of range: above 0, at most {LONGEST // HOUR}")
        return self.model_copy(update={"duration": round(duration)})

    @property
    def most_times(self) -> float:
        """By how much every arrival rate may be multiplied; inf where nothing arrives."""
        arrivals = [kind.arrivals for kind in self.kinds.values() if kind.arrivals.per_hour > 0]
        most = (min(FASTEST / each.per_hour, MOST_ARRIVALS / max(each.in_period, 1e-300)) for each in arrivals)
        return min(most, default=float("inf"))

    def times(self, load: float) -> "Workload":
        """The same workload with every arrival rate multiplied by `load`; the shapes of the rates stay.

        Raises InputError for a load that is no number of 0 or more, or that makes a rate higher than a file may hold.
        """
        if not (0 <= load <= self.most_times and load < float("inf")):
            raise InputError(
                f"load: {load:g} is out of range: a number from 0 to {self.most_times:g}, at which sessions arrive as "
                "often as can be"
            )
        return self._with_arrivals(lambda arrivals: {"per_hour": arrivals.per_hour * load})

    def from_hour(self, hour: int) -> "Workload":
        """The same workload, begun at another hour of its day; rates without hours of the day stay as they are."""
        return self._with_arrivals(
            lambda arrivals: {"hourly": [*arrivals.hourly[hour:], *arrivals.hourly[:hour]]} if arrivals.hourly else {}
        )

    def busiest_hour(self, hours: int) -> int:
        """The hour of the day from which on most sessions arrive within so many hours; the first of equals."""
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
    """The presets in `data/workloads/`, by name."""
    return sorted(path.stem for path in WORKLOADS.glob("*.yaml"))


def workload_file(name: str | Path) -> Path:
    """The file of a preset by its name, or the path itself of a workload file (ending in .yaml or .yml).

    Raises InputError for a name there is not, listing those there are.
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
        # PyYAML lets pass what a date or a number in the file makes Python raise.
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())[:300]}") from None
    if not isinstance(fields, dict):
        raise InputError(f"{path}: a workload is a mapping of fields, such as 'title: ...'")
    try:
        return Workload.model_validate({"name": path.stem, **fields})
    except ValidationError as error:
        raise InputError(f"{path}: {_first(error)}") from None


def _first(error: ValidationError) -> str:
    """The first complaint of a validation as 'field: what is wrong (what was given)'."""
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
