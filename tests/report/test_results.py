"""All outcomes that a folder holds, complete and failed, those of this run first, and nothing half-made."""

import json

from simlib.report.results import findings_of, overviews_of, read_outcomes
from tests.report.made import make_failure, make_run, write_json


def test_outcomes_of_this_time_come_first_and_earlier_ones_stay(tmp_path):
    for case in ("a", "b", "c"):
        make_run(tmp_path, case, "02_eviction_accuracy")
        make_run(tmp_path, case, "01_memory", parameters={"hours": 1.0})
    outcomes = read_outcomes(tmp_path, ["c", "not run", "c"])
    assert [(each.experiment, each.notebook[:2]) for each in outcomes] == [
        (case, notebook) for case in ("c", "a", "b") for notebook in ("01", "02")
    ]
    assert outcomes[0].parameters == {"hours": 1.0}
    assert outcomes[0].link == "c/01_memory"
    assert not any(each.error for each in outcomes)


def test_a_failed_run_stands_beside_the_earlier_complete_one(tmp_path):
    make_run(tmp_path, "a", "01_memory")
    make_failure(tmp_path, "a", "01_memory", cell="heap", error="E: no")
    whole, failed = read_outcomes(tmp_path)
    assert (whole.notebook, failed.notebook) == ("01_memory", "01_memory")
    assert (whole.error, failed.error) == ("", "cell heap: E: no")
    assert failed.link == "a/01_memory.failed"


def test_what_is_not_whole_is_no_run(tmp_path):
    (make_run(tmp_path, "a", "01_memory") / "seal.json").unlink()
    (make_run(tmp_path, "a", "02_eviction_accuracy") / "summary.json").unlink()
    (make_run(tmp_path, "a", "03_prune_cost") / "summary.json").write_text("{", encoding="utf-8")
    (make_failure(tmp_path, "b", "01_memory") / "failure.json").unlink()
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep/sweep.csv").touch()
    assert read_outcomes(tmp_path) == []


def test_tables_are_read_with_their_columns(tmp_path):
    make_run(tmp_path, "a", "05_designs", tables={"prices": "design,mean_ns\nheap_,5\n"})
    (table,) = read_outcomes(tmp_path)[0].of("tables")
    assert (table["name"], table["columns"], table["rows"]) == ("prices", ["design", "mean ns"], [["heap_", "5"]])


def test_findings_of_a_case_come_from_all_its_notebooks_in_one_order(tmp_path):
    tile = {"value": "1", "note": "", "good": None}
    make_run(tmp_path, "a", "00_overview", tiles={"lost": tile}, verdict="No.")
    make_run(tmp_path, "a", "04_sizing", verdict="Set it.", tiles={"setting": tile}, sentences={"actions": ["B."]})
    make_run(tmp_path, "a", "03_prune_cost", tiles={"cost": tile, "out_of_memory": tile}, sentences={"actions": ["A."]})
    make_failure(tmp_path, "b", "01_memory")
    (findings,) = findings_of(read_outcomes(tmp_path))
    assert list(findings.tiles) == ["out_of_memory", "cost", "setting"]
    assert findings.verdict == "Set it."
    assert findings.sentences("actions") == ["A.", "B."]


def test_a_summary_of_an_earlier_version_counts_as_not_run(tmp_path):
    path = make_run(tmp_path, "a", "01_memory") / "summary.json"
    summary = json.loads(path.read_text(encoding="utf-8"))
    write_json(path, {name: value for name, value in summary.items() if name != "scope"})
    assert read_outcomes(tmp_path) == []


def test_the_overview_of_several_cases_of_this_run_leads(tmp_path):
    make_run(tmp_path, "a", "01_memory")
    for place in ("a", "b", "overview", "overview.ci"):
        make_run(tmp_path, place, "00_overview")
    outcomes = read_outcomes(tmp_path)
    order = [each.experiment for each in overviews_of(outcomes, ["a", "overview.ci"])]
    assert order[:2] == ["overview.ci", "a"]
    assert overviews_of(outcomes, ["a"])[0].experiment == "a"
    assert overviews_of(outcomes)[-1].experiment == "a"
