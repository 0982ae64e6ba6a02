"""When sessions arrive: the rate over time of a Poisson process."""

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator, model_validator

from simlib.core.numbers import format_number
from simlib.core.units import HOUR
from simlib.workloads.fields import Duration, Frozen, Rate

MOST_ARRIVALS = 8e9
"""The most expected arrivals of a kind in one period of its rate: an hour, a day, or from one burst to the next.

They are counted in units of 2**-30 (`timetable.ARRIVAL_UNIT`) and must fit into 63 bits.
"""


class Burst(Frozen):
    """Arrivals `times` the usual rate for `lasts`, once in every `every`."""

    every: Duration = Field(examples=["2h"])
    """The time from one burst to the next."""
    lasts: Duration = Field(examples=["5m"])
    """The time that a burst lasts."""
    times: Rate = Field(examples=["30"])
    """The rate within a burst, as a multiple of the usual rate."""

    @field_validator("lasts")
    @classmethod
    def _fits(cls, lasts: int, others: ValidationInfo) -> int:
        if not 0 < lasts < others.data.get("every", lasts + 1):
            raise ValueError("a burst must last longer than 0 and shorter than the time from one burst to the next")
        return lasts


class Arrivals(Frozen):
    """A Poisson process: homogeneous, or shaped by 24 multipliers of the hour, or by regular bursts."""

    per_hour: Rate = Field(examples=["600"])
    """Sessions that arrive in an hour, on average."""
    hourly: Annotated[list[Rate], Field(min_length=24, max_length=24)] | None = None
    """24 multiples of that rate, one for each hour of the day from midnight."""
    burst: Burst | None = None
    """Regular bursts, instead of the hours of a day."""

    @field_validator("burst")
    @classmethod
    def _one_shape(cls, burst: Burst | None, others: ValidationInfo) -> Burst | None:
        if burst and others.data.get("hourly"):
            raise ValueError("give 'hourly' or 'burst', not both")
        return burst

    @model_validator(mode="after")
    def _fit_in_64_bits(self):
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
