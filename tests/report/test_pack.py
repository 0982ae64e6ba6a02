"""A notebook's folder: whole or without a summary, and without files of figures that are left out."""

import json
import math

import pandas as pd
import pytest

from simlib.core.errors import InputError
from simlib.experiments.experiment import open_experiment
from simlib.figures.style import Drawing, LeftOut, new_axes
from simlib.report.pack import SUMMARY, ClaimError, Pack


@pytest.fixture(scope="module")
def experiment():
    return open_experiment("steady", hours=0.1)


def test_a_pack_holds_what_was_recorded_and_where_it_comes_from(tmp_path, experiment):
    pack = Pack(str(tmp_path), "01_memory", experiment)
    figure, _ = new_axes("A title", "x", "y")
    pack.answer("It depends.")
    pack.claim("One is less than two", 1 < 2, one=1, never=math.inf, none=None)
    pack.claim("It does not apply", None)
    with pytest.raises(ClaimError, match=r"^does not hold: Two is less than one \(two 2\)$"):
        pack.claim("Two is less than one", 2 < 1, two=2)
    pack.decide("Set it.")
    pack.tile("lost", "1 %", "of the counts", good=True)
    pack.say("impact", "It grew.", "")
    pack.figure(Drawing(figure, pd.DataFrame({"x": [1]}), "A title"), "shown", "A note.")
    pack.close()
    summary = json.loads((tmp_path / SUMMARY).read_text(encoding="utf-8"))
    assert summary["case"] == "steady"
    assert summary["answers"] == [{"text": text, "about": "case"} for text in ("It depends.", "Set it.")]
    assert summary["verdict"] == "Set it."
    assert summary["tiles"] == {"lost": {"value": "1 %", "note": "of the counts", "good": True}}
    assert summary["sentences"] == {"impact": ["It grew."]}
    assert summary["claims"][0]["numbers"] == {"one": 1, "never": None, "none": None}
    assert [claim["holds"] for claim in summary["claims"]] == [True, False]
    assert summary["figures"][0]["caption"].startswith("A note. Workload steady over 6 min, 1 replication")
    assert {path.name for path in tmp_path.iterdir()} == {SUMMARY, "shown.svg", "shown.png", "shown.csv"}


def test_a_claim_on_a_measurement_is_a_finding_of_a_simulation_too(tmp_path, experiment):
    pack = Pack(str(tmp_path), "01_memory", experiment)
    pack.claim("Two is less than one", 2 < 1, assumes="nothing else grows", measured=True)
    assert pack.claims[0]["reason"] == "A measurement need not fulfil what it assumes: nothing else grows."
    with pytest.raises(ClaimError):
        pack.claim("Two is less than one", 2 < 1, assumes="nothing else grows")


def test_a_claim_on_a_model_is_a_finding_of_a_log(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("time,session\n0,a\n1,b\n", encoding="utf-8")
    pack = Pack(str(tmp_path / "pack"), "06_validation", open_experiment(trace=str(log)))
    pack.claim("Two is less than one", 2 < 1, assumes="arrivals are even", two=2)
    assert pack.claims == [
        {
            "claim": "Two is less than one",
            "holds": False,
            "numbers": {"two": 2},
            "reason": "A log need not fulfil what it assumes: arrivals are even.",
            "about": "case",
        }
    ]


def test_a_table_may_be_shown_as_text_and_keeps_its_numbers_in_the_file(tmp_path, experiment):
    pack = Pack(str(tmp_path), "00_overview", experiment)
    numbers = pd.DataFrame({"share": [0.12345]}, index=pd.Index(["steady"], name="case"))
    shown = pack.table(numbers, "shares", "Shares.", numbers.map("{:.0%}".format))
    assert shown.loc["steady", "share"] == "12%"
    assert (tmp_path / "shares.csv").read_text(encoding="utf-8") == "case,share\nsteady,0.12345\n"
    text = {"columns": ["case", "share"], "rows": [["steady", "12%"]]}
    assert pack.tables == [{"name": "shares", "caption": "Shares.", "about": "case", **text}]


def test_what_is_about_the_models_is_not_captioned_as_the_case(tmp_path, experiment):
    pack = Pack(str(tmp_path), "06_validation", experiment)
    figure, _ = new_axes("A title", "x", "y")
    pack.answer("They agree.", about="models")
    pack.claim("One is less than two", 1 < 2, about="models")
    pack.figure(Drawing(figure, pd.DataFrame({"x": [1]}), "A title"), "shown", "A note.", about="models")
    pack.table(pd.DataFrame({"x": [1]}), "table", "A caption.", about="models")
    assert [kind[0]["about"] for kind in (pack.answers, pack.claims, pack.figures, pack.tables)] == ["models"] * 4
    assert pack.figures[0]["caption"] == "A note."
    # Six inches by 3.9, of 96 pixels.
    assert (pack.figures[0]["width"], pack.figures[0]["height"]) == (576, 374)


def test_names_that_are_not_known_are_refused(tmp_path, experiment):
    pack = Pack(str(tmp_path), "01_memory", experiment)
    with pytest.raises(ValueError, match="models"):
        pack.answer("It grew.", about="model")
    with pytest.raises(ValueError, match="out_of_memory"):
        pack.tile("memory", "1", "")
    with pytest.raises(ValueError, match="root_cause"):
        pack.say("cause", "It grew.")


def test_a_figure_that_is_left_out_leaves_a_reason_and_no_file(tmp_path, experiment):
    pack = Pack(str(tmp_path), "01_memory", experiment)
    shown = pack.figure(LeftOut("No figure: there is nothing to show."), "nothing", "A note.")
    assert shown._repr_mimebundle_() == {"text/markdown": "No figure: there is nothing to show."}
    assert pack.figures == []
    assert list(tmp_path.iterdir()) == []


def test_a_folder_has_no_summary_until_it_is_whole(tmp_path, experiment):
    (tmp_path / SUMMARY).write_text("{}")
    Pack(str(tmp_path), "01_memory", experiment)
    assert not (tmp_path / SUMMARY).exists()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        Pack(str(tmp_path / "file"), "01_memory", experiment)
