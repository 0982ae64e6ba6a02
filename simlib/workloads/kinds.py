"""The behaviour of a kind of session: its events, its clients, and where the service keeps what it has sent."""

from typing import Any

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator

from simlib.workloads.arrivals import Arrivals
from simlib.workloads.fields import Chance, Duration, Frozen, Gap, Law, Line, Number, Probability, Switch, Whole


class Pauses(Frozen):
    """With this chance, a session rests for the time `lasts` between two events; the rest is not part of its work."""

    chance: Probability = Field(examples=["0.05"])
    """The chance that a gap between two events is longer by a pause, from 0 to 1."""
    lasts: Gap = Field(examples=["uniform 10m 90m"])
    """The time that a pause takes."""


class Events(Frozen):
    """The events of a session: one at once, then one after each gap, until it has worked for the time `lasts`."""

    gap: Gap = Field(examples=["exponential 5s"])
    """The time from one event to the next."""
    lasts: Law = Field(examples=["exponential 2m"])
    """The time that a session works; `fixed 0s` makes one event."""
    pauses: Pauses | None = None
    """Rests between two events; without it there are none."""


class Slow(Frozen):
    """With this chance, a client drains slowly instead."""

    chance: Probability = Field(examples=["0.03"])
    """The chance that a client is slow, from 0 to 1."""
    drains: Law = Field(examples=["exponential 30s"])
    """The time that a slow client takes for each event, drawn once a client."""


class Clients(Frozen):
    """The clients that watch a session.

    A client joins some time after the session began, stays, and with the chance `returns` comes back after a time
    away, again and again. With the chance `another` there is a further client, and so on. Each client's channel holds
    `buffer` events, beside the one that its writer is sending, which takes the time `drains` (drawn once a client).
    """

    joins: Law = Field(examples=["exponential 400ms"])
    """The time from the session's begin until a client connects."""
    stays: Law = Field(examples=["exponential 8m"])
    """The time for which a client stays connected."""
    returns: Chance = Field(examples=["0.35"])
    """The chance that a client that left comes back, from 0 to 0.99."""
    away: Law = Field(examples=["exponential 20s"])
    """The time until a client that comes back is back."""
    another: Chance = Field(examples=["0.1"])
    """The chance of a further client, from 0 to 0.99."""
    buffer: Whole = Field(ge=1, le=1_000_000, examples=["100"])
    """Events that a client's channel holds."""
    drains: Law = Field(examples=["exponential 20ms"])
    """The time that a client takes for each event, drawn once a client."""
    slow: Slow | None = None
    """Some clients are slow; without it none is."""


class Population(Frozen):
    """A fixed population whose members come again and again: each arrival is a visit, under the id of the visitor.

    Visits choose their members independently, that of rank r in proportion to r ** -zipf.
    """

    members: Whole = Field(ge=1, le=10_000_000, examples=["10000"])
    """The number of ids."""
    zipf: Number = Field(ge=0, le=5, examples=["1.0"])
    """How unequal they are: 0 for equal chances, about 1 for most real populations."""


class Kind(Frozen):
    """One kind of session. Without clients none ever connects; `outlives_clients` makes an orphaned producer.

    With `token_deltas` each event comes with text that is streamed token by token. The broadcaster counts these deltas
    by session in a third map (`broadcaster.Broadcaster`); they are no events of their own here.
    """

    about: Line = Field(examples=["Requests of other services."])
    """A sentence that says what these sessions are."""
    arrivals: Arrivals
    """When sessions arrive."""
    events: Events
    """Its events."""
    population: Population | None = None
    """Who comes again and again; without it every session is a new one."""
    clients: Clients | None = None
    """Who watches a session; without it nobody does."""
    outlives_clients: Switch = Field(default=False, examples=["true"])
    """Whether a session goes on when its last client has left."""
    token_deltas: Switch = Field(default=False, examples=["true"])
    """Whether each event comes with streamed text, which a third map counts."""

    @field_validator("clients", "token_deltas")
    @classmethod
    def _alone(cls, given: Clients | bool | None, others: ValidationInfo) -> Clients | bool | None:
        if given and others.data.get("population"):
            raise ValueError("a population has none, as its visits may overlap: leave one of the two out")
        return given


class InMemory(Frozen):
    """Event history in the service's own memory: of at most `sessions` sessions, for `age` after the last event."""

    sessions: Whole = Field(ge=1, le=1_000_000, examples=["100"])
    """The most sessions whose history is kept."""
    age: Duration = Field(examples=["1h"])
    """The time for which a history is kept after its last event."""

    @field_validator("age")
    @classmethod
    def _some_age(cls, age: int) -> int:
        if age == 0:
            raise ValueError("0 keeps no history: give a duration such as 1h")
        return age


def _or_store(schema: dict[str, Any]) -> None:
    """Add the word that a file may hold instead to the JSON schema of `History`."""
    group = {key: schema.pop(key) for key in ("type", "properties", "additionalProperties")}
    schema["anyOf"] = [{"const": "store"}, {**group, "required": ["memory"]}]


class History(Frozen):
    """Where the service keeps past events: outside, in a store, or in its own `memory`.

    In a file: `history: store`, which is the default, or `history: {memory: {sessions: 100, age: 1h}}`.
    """

    model_config = ConfigDict(json_schema_extra=_or_store)

    memory: InMemory | None = None
    """A history in the service's own memory: dropping a session's history deletes its counters."""

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        if given == "store":
            return {}
        if isinstance(given, cls) or (isinstance(given, dict) and "memory" in given):
            return given
        raise ValueError("give 'store', or 'memory' with 'sessions' and 'age'")
