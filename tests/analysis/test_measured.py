"""Is it this map? By hand: 600 entries an hour of 1 MiB each, beside memory that grows by more, by less, or not."""

from dataclasses import replace

import numpy as np
import pytest

from simlib.analysis.measured import FEWEST, Line, shared
from simlib.core.errors import InputError
from simlib.core.units import HOUR, MINUTE, SECOND
from simlib.figures.style import LeftOut
from simlib.models.heap import MIB, resident_per_live
from simlib.traces.measured import Measured
from tests.analysis.test_findings import experiment_of
from tests.analysis.test_leak import SETTINGS, STEADY, leak_of

DATE = 1_767_225_600
"""2026-01-01, in seconds."""


def leaking(tmp_path, an_hour, base=1000.0, start=0, **given):
    """A leak beside memory that was measured each minute for two hours."""
    lines = "".join(f"{start + 60 * m},{(base + an_hour * m / 60) * MIB:.0f}\n" for m in range(121))
    (tmp_path / "rss.csv").write_text("time_s,bytes\n" + lines)
    leak = leak_of(**given)
    return replace(leak, measured=str(tmp_path / "rss.csv"))


def test_it_is_not_this_map(tmp_path):
    leak = leaking(tmp_path, an_hour=20_000)
    assert leak.beside.shares == pytest.approx({"low": 0.03, "middle": 0.03, "high": 0.03}, rel=1e-3)
    assert leak.answer().startswith("It is not this map: it explains 3 % of the measured 19.5 GiB an hour. ")
    assert leak.summary().endswith("It is not this map: it explains 3 % of the measured 19.5 GiB an hour.")
    assert leak.beside.explains() is False
    assert leak.beside.numbers()["measured_mib_an_hour"] == pytest.approx(20_000)
    assert leak.beside.numbers()["maps_mib_an_hour"] == pytest.approx(600, rel=1e-3)


@pytest.mark.parametrize(
    ("an_hour", "verdict"),
    [
        (2000, "It is mainly not this map: it explains 30 % of the measured 1.95 GiB an hour."),
        (600, "It is this map: it explains 100 % of the measured 600 MiB an hour."),
        (200, "This map should grow faster: it explains 300 % of the measured 200 MiB an hour."),
        (0, "The measured memory does not grow, while the maps should by 600 MiB an hour."),
        (-10, "The measured memory does not grow, while the maps should by 600 MiB an hour."),
    ],
)  # fmt: skip
def test_the_verdict_follows_the_share(tmp_path, an_hour, verdict):
    leak = leaking(tmp_path, an_hour)
    assert leak.beside.verdict() == verdict
    assert leak.beside.draw().message == verdict.rstrip(".")
    assert leak.beside.explains() is (None if an_hour <= 0 else an_hour <= 1200)


def test_two_maps_of_a_model_explain_a_range_as_the_heap_may_double(tmp_path):
    leak = leaking(tmp_path, an_hour=1.0, given=None)
    shares = leak.beside.shares
    assert shares["middle"] / shares["low"] == pytest.approx(resident_per_live())
    assert shares["high"] / shares["low"] == pytest.approx(2)
    assert leak.beside.table().index.tolist() == [
        "measured", "maps: live heap", "maps: resident, as modelled", "maps: twice the live heap"
    ]  # fmt: skip
    assert "a collector at GOGC=100" in leak.unknown()[-1]
    assert "GOGC" not in leaking(tmp_path, an_hour=1.0).unknown()[-1]


def test_the_table_gives_both_growths(tmp_path):
    table = leaking(tmp_path, an_hour=1200).beside.table()
    assert table["growth an hour"].tolist() == ["1.17 GiB", "600 MiB"]
    assert table["share of the measured growth"].tolist() == ["", "50 %"]
    assert table["95 % interval"].tolist() == ["", ""]


def test_the_measured_curve_reaches_the_limit_by_itself(tmp_path):
    would = leaking(tmp_path, an_hour=600, mib=5200.0)
    assert would.beside.limit_at == pytest.approx(7)
    assert would.answer().endswith("The measured memory would reach 5.08 GiB in 7 h by itself.")
    assert would.impact()[0].startswith("By the model, with the unbounded map")
    assert would.impact()[-1] == "The measured memory would reach 5.08 GiB in 7 h by itself."
    reached = leaking(tmp_path, an_hour=600, mib=1300.0)
    assert reached.beside.limit() == "The measured memory reached 1.27 GiB in 30 min by itself."
    above = leaking(tmp_path, an_hour=600, mib=900.0)
    assert above.beside.limit().startswith("The measured memory is above 900 MiB from its first point")
    assert leaking(tmp_path, an_hour=0, mib=5200.0).beside.limit() == ""
    assert leaking(tmp_path, an_hour=600).beside.limit() == ""


def test_the_figure_draws_the_curve_that_was_measured_and_the_way_to_the_limit(tmp_path):
    drawing = leaking(tmp_path, an_hour=600, mib=5200.0).beside.draw()
    data, axes = drawing.data, drawing.figure.axes[0]
    assert data["measured_mib"].iloc[[0, -1]].tolist() == [1000, 2200]
    assert data["maps_middle_mib"].iloc[[0, -1]].tolist() == [1, 1201]
    cross = next(line for line in axes.lines if line.get_marker() == "X")
    assert (cross.get_xdata()[0], cross.get_ydata()[0]) == pytest.approx((7, 5200 / 1024))
    dashed = next(line for line in axes.lines if line.get_xdata()[-1] == pytest.approx(7) and line is not cross)
    assert [dashed.get_ydata()[0], dashed.get_ydata()[-1]] == pytest.approx([2200 / 1024, 5200 / 1024])
    assert {"measured", "the maps", "limit 5.08 GiB,\nin 7 h"} <= {text.get_text() for text in axes.texts}
    alone = [line.get_ydata() for line in axes.lines if line.get_xdata()[0] == pytest.approx(1)]
    assert alone[0][[0, -1]] == pytest.approx([1600 / 1024, 2200 / 1024])


def test_both_that_name_dates_are_aligned_by_date(tmp_path):
    rows = [(DATE + time, *rest) for time, *rest in STEADY]
    first = replace(experiment_of(rows, SETTINGS).first, start=DATE * SECOND, duration=2 * HOUR)
    leak = leaking(tmp_path, an_hour=600, start=DATE + 1800)
    dated = replace(leak.memory.experiment, replications=(first,))
    leak = replace(leak, memory=replace(leak.memory, experiment=dated))
    assert leak.beside.shared.by_date
    assert leak.beside.shared.at[[0, -1]].tolist() == [30 * MINUTE, 120 * MINUTE]
    assert "aligned by date" in leak.beside.caption()
    assert leak.beside.predicted["middle"][[0, -1]].tolist() == [301, 1201]
    relative = leaking(tmp_path, an_hour=600, start=DATE)
    assert not relative.beside.shared.by_date
    assert relative.beside.shared.at[[0, -1]].tolist() == [0, 120 * MINUTE]
    assert "from the start of each" in relative.beside.caption()


def curve(time, mib):
    return Measured("rss.csv", np.array(time, np.int64), np.array(mib, np.float64), "")


def test_what_shares_too_little_with_the_log_is_refused_in_one_line():
    start, minutes = DATE * 10**9, np.arange(60) * MINUTE
    apart = "measured 2026-01-02 00:00:00 to 2026-01-02 00:59:00, the log is 2026-01-01 00:00:00 to 2026-01-01 01:00:00"
    with pytest.raises(InputError, match=rf"rss.csv: no overlap in time: {apart} UTC"):
        shared(curve(start + 24 * HOUR + minutes, np.ones(60)), start, HOUR)
    few = rf"rss.csv: 19 points within the 18 min to compare: at least {FEWEST} at different times are needed"
    with pytest.raises(InputError, match=few):
        shared(curve(minutes, np.ones(60)), 0, 18 * MINUTE)
    with pytest.raises(InputError, match=r"rss.csv: 60 points"):
        shared(curve(np.zeros(60), np.ones(60)), 0, HOUR)


def test_what_comes_after_a_restart_does_not_count():
    minutes, mib = np.arange(60) * MINUTE, np.where(np.arange(60) < 40, 100.0, 40.0)
    found = shared(curve(minutes, mib), 0, HOUR)
    assert (found.restart, found.at.size) == (40 * MINUTE, 40)
    with pytest.raises(
        InputError, match="10 points within the 1 h to compare before memory falls by over half after 10 min"
    ):
        shared(curve(minutes, np.where(np.arange(60) < 10, 100.0, 40.0)), 0, HOUR)


def test_a_restart_is_said(tmp_path):
    leak = leaking(tmp_path, an_hour=600)
    lines = (tmp_path / "rss.csv").read_text().splitlines()
    (tmp_path / "rss.csv").write_text("\n".join([*lines[:91], *(f"{60 * m},{MIB}" for m in range(90, 121))]))
    assert leak.beside.unknown()[1].startswith("The measured memory fell by over half after 1.5 h, as at a restart")
    assert leak.beside.shares["middle"] == pytest.approx(1, rel=1e-3)


def test_a_line_is_fitted_to_the_means_of_the_later_half():
    at = np.arange(41) * HOUR
    line = Line.through(at, np.where(np.arange(41) < 20, 7.0, 3.0 * np.arange(41)))
    assert (line.rate, line.low, line.high) == pytest.approx((3, 3, 3))
    assert (line.begins, line.ends) == pytest.approx((60, 120))
    noisy = Line.through(at, np.random.default_rng(1).normal(50, 5, 41))
    assert noisy.low < 0 < noisy.high


def test_nothing_is_said_without_a_measurement():
    leak = leak_of()
    assert isinstance(leak.beside.draw(), LeftOut)
    assert leak.beside.table().empty
    assert (leak.beside.verdict(), leak.beside.limit(), leak.beside.caption()) == ("", "", "")
    assert leak.beside.unknown() == []
    assert leak.beside.explains() is None
    assert leak.beside.numbers() == {}


def test_two_counters_are_two_maps(tmp_path):
    leak = leaking(tmp_path, an_hour=600)
    memory = replace(leak.memory, experiment=replace(
        leak.memory.experiment, replications=experiment_of(STEADY, SETTINGS, drops=[1, 2]).replications))  # fmt: skip
    assert replace(leak, memory=memory).beside.verdict().startswith("It is these maps: they explain 100 %")
