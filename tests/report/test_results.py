"""All outcomes that a folder holds, complete and failed, those of this run first, and nothing half-made."""

from simlib.report.results import read_outcomes
from tests.report.made import make_failure, make_run


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
