"""Classes of the sessions of a log, by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlib.core.errors import InputError
from simlib.core.units import DAY, HOUR, MINUTE, SECOND
from simlib.experiments.classes import KNOWN, MOST_CLASSES, check_classing, classes_of
from simlib.experiments.experiment import open_experiment
from tests.builders import operations, trace_of


def classes(rows, by="", labels=None):
    """The class of each session by its id."""
    trace = trace_of(rows)
    names, of = classes_of(trace, by, labels)
    return dict(zip(trace.ids, np.array(names, dtype=object)[of], strict=True))


ROWS = [
    (0, "long", "increment"),
    (0, "once", "increment"),
    (0, "thrice", "increment"),
    (0, "thrice", "increment"),
    (30 * SECOND, "thrice", "increment"),
    (MINUTE, "call", "increment"),
    (2 * MINUTE, "call", "increment"),
    (2 * HOUR, "hours", "increment"),
    (3 * HOUR, "hours", "increment"),
    (3 * HOUR, "gone", "delete"),
    (DAY, "long", "increment"),
    (DAY, "once", "delete"),
]


def test_by_lifetime_from_the_first_increment_to_the_last():
    found = classes(ROWS)
    assert found == {
        "long": "seen for days",
        "once": "seen once",
        "thrice": "seen again, for under a minute",
        "call": "seen for minutes",
        "hours": "seen for hours",
        "gone": "seen once",
    }
    assert classes(ROWS, "lifetime") == found


def test_by_how_often_or_when_they_were_last_seen():
    seen = classes(ROWS, "seen")
    assert (seen["once"], seen["thrice"]) == ("seen once", "seen two to nine times")
    assert classes([(t, "a", "increment") for t in range(10)], "seen") == {"a": "seen ten times or more"}
    last = classes(ROWS, "last_seen")
    assert (last["long"], last["hours"]) == (
        "last seen under a minute before the end",
        "last seen hours before the end",
    )


def test_by_what_ids_share():
    rows = [(0, name, "increment") for name in ("worker-1", "worker-2", "orphan7", "/api/v1", "9f")]
    assert classes(rows, "prefix") == {
        "worker-1": "with “worker”",
        "worker-2": "with “worker”",
        "orphan7": "with “orphan”",
        "/api/v1": "with “/api”",
        "9f": "with nothing",
    }
    assert classes(rows, r"^.*?(\d)")["orphan7"] == "with “7”"
    assert classes(rows, r"(?i)^(?:ORPHAN|worker-)(\d)")["worker-2"] == "with “2”"


def test_by_a_column_the_first_row_of_a_session_counts():
    rows = [(0, "a", "increment"), (1, "b", "increment"), (2, "a", "increment")]
    labels = np.array(["x", "", "y"], dtype=object)
    assert classes(rows, "column:kind", labels) == {"a": "of kind “x”", "b": "of kind nothing"}


def test_of_many_texts_those_that_grow_the_map_have_classes_of_their_own():
    # Ten old groups of three, a new one of two that stays, and a new one of five that is deleted.
    rows = [(0, f"{chr(97 + group)}{number}", "increment") for group in range(10) for number in range(3)]
    rows += [(9, f"new{number}", "increment") for number in range(2)]
    rows += [(9, f"gone{number}", "increment") for number in range(5)] + [(9, f"gone{n}", "delete") for n in range(5)]
    found = classes(rows, "prefix")
    assert found["new0"] == "with “new”"
    assert found["gone0"] == "of 8 other classes"
    assert len(set(found.values())) == MOST_CLASSES


def test_a_text_of_a_log_is_shown_shortened_and_escaped():
    rows = [(0, "\x1b[0m" + "x" * 10_000, "increment")]
    assert classes(rows, "(?s)(.*)") == {rows[0][1]: r"with “\x1b[0mxxxxxxxxxxxxxx...”"}


@pytest.mark.parametrize(
    ("by", "complaint"),
    [
        ("lifetimes", "'lifetimes' is not lifetime, seen, last_seen, prefix or column:NAME, nor a pattern"),
        ("(a)(b)", "'(a)(b)' has more than one group"),
        ("(a", "nor a pattern as RE2 takes with one group"),
        ("(?=a)(b)", "nor a pattern as RE2 takes with one group"),
    ],
)
def test_what_divides_nothing_is_refused(by, complaint):
    with pytest.raises(InputError) as refused:
        check_classing(by)
    assert complaint in str(refused.value)


@given(operations.filter(len), st.sampled_from([*KNOWN, "", "(.)", "column:x"]))
def test_each_session_of_any_log_has_a_class(rows, by):
    trace = trace_of(rows)
    names, of = classes_of(trace, by, trace.ids[trace.session] if by == "column:x" else None)
    assert of.shape == trace.ids.shape
    assert 0 <= of.min() <= of.max() < len(names) <= MOST_CLASSES
    assert len(set(names)) == len(names)


def test_a_column_is_carried_through_the_reading(tmp_path):
    (tmp_path / "log.csv").write_text("time,session,status\n0,a,ok\n1,b,\n2,a,bad\n2,c,bad\n")
    first = open_experiment(trace=str(tmp_path / "log.csv"), session_class="column:status").first
    assert [first.classes[number] for number in first.class_of] == [
        "of status “ok”",
        "of status nothing",
        "of status “bad”",
    ]
    with pytest.raises(InputError, match="there is no column 'state'"):
        open_experiment(trace=str(tmp_path / "log.csv"), session_class="column:state")
