"""The terminal of `run`: the verdict first, then its tiles and each notebook's answer, within 100 columns."""

from simlib.cli.run_text import findings_in, other_verdicts, summary
from tests.report.made import make_failure, make_run

LONG = "word " * 60


def test_the_first_case_is_summed_up_with_whole_answers_and_the_others_take_a_line_each(tmp_path):
    tile = {"value": "never", "note": "within a year", "good": True}
    make_run(tmp_path, "access", "01_memory", answers=[{"text": LONG, "about": "case"}], tiles={"out_of_memory": tile})
    decided = [{"text": "Set the cap to 4096.", "about": "case"}]
    make_run(tmp_path, "access", "04_sizing", verdict="Set the cap to 4096.", answers=decided)
    make_run(tmp_path, "other", "04_sizing", verdict="Keep\u202e it.")
    make_run(tmp_path, "earlier", "04_sizing", verdict="Of another run.")
    make_failure(tmp_path, "access", "05_designs")
    found = findings_in(tmp_path, ["access", "other", "missing"])
    lines = summary(found[0]).splitlines()
    assert lines[0] == "access: Set the cap to 4096."
    assert lines[2] == "Out of memory    never (within a year)"
    assert lines[4].startswith("01_memory               word word")
    # The answer is whole, under itself. The notebook that decides has had its say.
    assert " ".join(" ".join(lines[4:]).split()) == f"01_memory {LONG.strip()}"
    assert all(line.startswith(24 * " " + "word") for line in lines[5:])
    assert max(map(len, lines)) <= 100
    assert list(other_verdicts(found[1:])) == ["other  Keep\\u202e it."]


def test_a_run_without_a_verdict_is_summed_up_by_its_first_answer(tmp_path):
    make_run(tmp_path, "overview", "00_overview")
    (found,) = findings_in(tmp_path, ["overview"])
    assert summary(found) == "overview: The answer of 00_overview.\n"
