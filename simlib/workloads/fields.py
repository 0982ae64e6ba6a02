"""The types of a workload's fields: each reads the text of a file as well as a value of its own type."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

from simlib.core.distributions import Distribution, parse_bounded
from simlib.core.errors import escaped, quoted
from simlib.core.units import UNITS

FASTEST = 1e9
"""The highest rate of a workload, in arrivals an hour."""

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,9})?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_LONGEST = 60
"""Characters of a number: none needs more, and the time to read one grows with the square of its length."""

_SWITCH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def _number(given: Any) -> Any:
    fits = isinstance(given, str) and len(given) <= _LONGEST and _NUMBER.fullmatch(given)
    return float(given) if fits else given


def _whole(given: Any) -> Any:
    return int(given) if isinstance(given, str) and len(given) <= _LONGEST and _WHOLE.fullmatch(given) else given


def _switch(given: Any) -> Any:
    return _SWITCH.get(given.lower(), given) if isinstance(given, str) else given


def _gap(text: Any) -> Distribution:
    """Parse a distribution of gaps. Refuses a mean of 0, with which a session would emit without end in one instant."""
    gap = Distribution.parse(text)
    if gap.mean < 1:
        raise ValueError(f"{quoted(text)} leaves no time between events: give a duration above 0")
    return gap


def _name(text: str) -> str:
    if not re.fullmatch(r"\w[\w .-]{0,79}", text):
        raise ValueError(f"{quoted(text)} is no name: use letters, digits, spaces, dots and dashes, at most 80")
    return text


def _plain(text: str) -> str:
    """Refuse text that would not show what it is on a terminal or a page."""
    if escaped(line := " ".join(text.split())) != line:
        raise ValueError(f"{quoted(line)} holds characters that do not show: write letters, digits and signs only")
    return text


# What editors check of a text; the parsers above have the last word.
_TIME = rf"\d*\.?\d*|(\d*\.?\d*({'|'.join(UNITS)}))+"
_Time = Annotated[str, Field(pattern=f"^({_TIME})$")]
_LAW = rf"(fixed|exponential) ({_TIME})|uniform ({_TIME}) ({_TIME})|(lognormal|pareto) ({_TIME}) [\d.]+"
_Law = Annotated[str, Field(pattern=f"^({_LAW})$")]

Duration = Annotated[int, PlainValidator(parse_bounded, json_schema_input_type=float | _Time)]
Law = Annotated[Distribution, PlainValidator(Distribution.parse, json_schema_input_type=_Law)]
Gap = Annotated[Distribution, PlainValidator(_gap, json_schema_input_type=_Law)]
Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Whole = Annotated[int, BeforeValidator(_whole)]
Switch = Annotated[bool, BeforeValidator(_switch)]
Probability = Annotated[Number, Field(ge=0, le=1)]
Chance = Annotated[Number, Field(ge=0, le=0.99)]
Rate = Annotated[Number, Field(ge=0, le=FASTEST)]
Line = Annotated[str, Field(min_length=1), AfterValidator(_plain)]
Name = Annotated[str, AfterValidator(_name)]


class Frozen(BaseModel):
    """A group of fields: it cannot be changed, and refuses fields that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)
