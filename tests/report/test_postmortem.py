"""The post-mortem is one page: sections in order, within its words and figures, and nothing is lost."""

import re

import pytest

from simlib.report.pack import SECTIONS
from simlib.report.pages import write_report
from simlib.report.postmortem import MOST_FIGURES, MOST_WORDS, TITLES
from tests.report.made import figure, make_run


def written(out, name="postmortem.md"):
    write_report(out)
    return (out / name).read_text(encoding="utf-8")


def test_sections_have_a_title_each_and_come_in_order(tmp_path):
    assert tuple(TITLES) == SECTIONS
    make_run(tmp_path, "a", "01_memory", sentences={name: [f"Said of {name}."] for name in reversed(SECTIONS)})
    text = written(tmp_path)
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == list(TITLES.values())
    assert [text.index(f"Said of {name}.") for name in SECTIONS] == sorted(
        text.index(f"Said of {name}.") for name in SECTIONS
    )


def test_sentences_and_figures_come_in_the_order_of_the_notebooks(tmp_path):
    make_run(tmp_path, "a", "02_eviction_accuracy", sentences={"price": ["Two.", "Three."], "actions": ["Do (that)."]})
    make_run(
        tmp_path,
        "a",
        "01_memory",
        verdict="Set it.",
        sentences={"summary": ["It grew."], "price": ["One.", "Two."]},
        figures=[figure("heap", section="price"), figure("other")],
    )
    text = written(tmp_path)
    assert "\n\nSet it. It grew.\n" in text
    assert "\n\nOne. Two. Three.\n" in text
    assert "\n- Do (that).\n" in text
    assert "](a/01_memory/heap.png)" in text
    assert "other.png" not in text


def test_lessons_come_in_the_order_of_the_write_up_that_of_the_overview_among_them(tmp_path):
    said = {"01_memory": "Cap: a.", "03_prune_cost": "Prune proactively: b.", "05_designs": "Profile early: d."}
    for notebook, lesson in said.items():
        make_run(tmp_path, "a", notebook, sentences={"lessons": ["Other.", lesson]})
    make_run(tmp_path, "overview", "00_overview", sentences={"lessons": ["Test at scale: c."]})
    write_report(tmp_path, ["overview", "a"])
    text = (tmp_path / "postmortem.md").read_text(encoding="utf-8")
    assert "\n- Cap: a.\n- Prune proactively: b.\n- Test at scale: c.\n- Profile early: d.\n- Other.\n" in text
    # An overview of another time is not about this case.
    write_report(tmp_path, ["a"])
    assert "Test at scale" not in (tmp_path / "postmortem.md").read_text(encoding="utf-8")


def test_a_section_that_nothing_was_said_for_is_left_out_and_named(tmp_path):
    make_run(tmp_path, "a", "01_memory", sentences={"impact": ["It grew."]})
    text = written(tmp_path)
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Summary", "Impact"]
    unsaid = "root cause, resolution, what the resolution costs, action items, what we do not know, lessons"
    assert text.endswith(f"\nNot covered by the notebooks that were run: {unsaid}.\n")


@pytest.mark.parametrize("count", [1, 40, 400])
def test_it_is_one_page_and_what_found_no_room_is_in_the_appendix(tmp_path, count):
    long = {
        name: [f"{name.capitalize()} number {n} is said in eight words." for n in range(count)] for name in SECTIONS
    }
    figures = [figure(f"f{n}", section=SECTIONS[n % 8]) for n in range(12)]
    make_run(tmp_path, "a", "01_memory", sentences=long, figures=figures)
    text = written(tmp_path)
    assert len(text.split()) <= MOST_WORDS
    assert text.count("![") == MOST_FIGURES
    appendix = (tmp_path / "appendix.md").read_text(encoding="utf-8")
    for sentence in (sentence for sentences in long.values() for sentence in sentences):
        assert (sentence in text) != (sentence in appendix)
    assert appendix.count("![") == 12
    if count > 1:
        # As many as there is room for, and the first of each section.
        assert len(text.split()) > MOST_WORDS - 20
        assert all(sentences[0] in text for sentences in long.values())


def test_a_single_sentence_without_end_does_not_break_it(tmp_path):
    make_run(tmp_path, "a", "01_memory", verdict="on and " * 500)
    assert len(written(tmp_path).split()) <= MOST_WORDS


def test_it_is_of_the_case_that_leads(tmp_path):
    make_run(tmp_path, "a", "01_memory")
    make_run(tmp_path, "b", "01_memory")
    write_report(tmp_path, ["b"])
    assert (tmp_path / "postmortem.md").read_text(encoding="utf-8").startswith("# Title of b: post-mortem\n")


def test_without_a_result_it_says_so(tmp_path):
    assert "No notebook ran to its end" in written(tmp_path)
