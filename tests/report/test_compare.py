"""Two results side by side: the right pairs, what differs and by how much, and one line where there is nothing."""

import json

import pytest

from simlib.cli.main import main
from simlib.core.errors import InputError
from simlib.report.compare import Number, compare
from tests.report.made import make_run

FIGURE = {
    "name": "heap",
    "message": "It <grows>",
    "caption": "c",
    "width": 10,
    "height": 10,
    "about": "case",
    "section": "",
}
SETTINGS = {"max_entries": 2048, "ttl": 1_800_000_000_000, "prune_every": 256}
OVERVIEW = {"name": "overview", "caption": "c", "about": "case", "columns": ["", "counts lost"]}


def run(out, case, cap, peak, stream="s", notebook="01_memory"):
    """Leave a run on a log under a cap, which found a peak; its overview says half a per cent of it."""
    settings = SETTINGS | {"max_entries": cap}
    shared = {"settings": settings, "source": "log access.log", "streams_sha256": [stream]}
    numbers = {"peak_entries": peak, "lost_share": peak / 10_000, "lost_share_low": peak, "never": None}
    make_run(
        out,
        case,
        notebook,
        {"max_entries": cap, "trace": f"/{case}"},
        claims=[{"claim": "It holds", "holds": True, "numbers": numbers, "reason": "", "about": "case"}],
        figures=[FIGURE],
        verdict=f"Keep {cap}",
        tiles={"lost": {"value": f"{peak} %", "note": "of counts", "good": None}},
        **shared,
    )
    (out / case / notebook / "heap.csv").write_text(f"{peak}")
    amend(out / case / notebook, case="access")
    if notebook == "01_memory":
        make_run(out, case, "00_overview", tables={"overview": "a\n1\n"}, **shared)
        row = {**OVERVIEW, "rows": [["other", "0 %"], ["access", f"{peak / 2:g} %"]]}
        amend(out / case / "00_overview", case="overview", tables=[row])


def amend(directory, **fields):
    path = directory / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


@pytest.fixture
def pack(tmp_path):
    out = tmp_path / "build"
    run(out, "access", 2048, 100)
    run(out, "access.max_entries=4096", 4096, 250)
    return out


def test_two_cases_differ_in_a_setting_and_in_what_follows_from_it(pack):
    (found,) = compare(str(pack / "access"), str(pack / "access.max_entries=4096"))
    assert found.same_streams
    assert [(pair.name, pair.a, pair.b) for pair in found.settings] == [("cap", "2048", "4096")]
    assert [(pair.name, pair.a, pair.b) for pair in found.overview] == [("counts lost", "50 %", "125 %")]
    assert [number.name for number in found.numbers] == ["peak_entries", "lost_share", "never"]
    assert [number.pair.difference for number in found.differing] == ["150 more (150 %)", "1.5 points more"]
    assert [(a.experiment, b.experiment, mine["name"]) for a, b, mine, _ in found.figures] == [
        ("access", "access.max_entries=4096", "heap")
    ]


def test_two_packs_are_compared_case_by_case_and_two_single_cases_whatever_their_names(pack, tmp_path):
    after = tmp_path / "after"
    run(after, "access", 2048, 90, stream="t")
    (found,) = compare(str(pack), str(after))
    assert found.a.label == str(pack / "access")
    assert not found.same_streams
    alone = tmp_path / "alone"
    run(alone, "other", 2048, 90)
    (found,) = compare(str(alone), str(pack / "access/01_memory"))
    assert found.b.label == str(pack / "access/01_memory")
    with pytest.raises(InputError, match=r"no case is in both: .* has access, access.max_entries=4096 and .* other"):
        compare(str(pack), str(alone))


def test_equal_results_show_no_difference(pack):
    (found,) = compare(str(pack / "access"), str(pack / "access"))
    assert (found.settings, found.overview, found.differing, found.figures, found.alone) == ([], [], [], [], [])


def test_what_only_one_has_is_listed(pack):
    run(pack, "access", 2048, 1, notebook="03_prune_cost")
    (found,) = compare(str(pack / "access"), str(pack / "access.max_entries=4096"))
    assert found.alone == [(str(pack / "access"), "03_prune_cost")]
    with pytest.raises(InputError, match="no notebook was run on both"):
        compare(str(pack / "access/03_prune_cost"), str(pack / "access/01_memory"))


@pytest.mark.parametrize("name", ["", "{tmp}", "{tmp}/missing", "{tmp}/file"])
def test_a_folder_without_results_is_refused_in_one_line(pack, tmp_path, capsys, name):
    (tmp_path / "file").write_text("x")
    empty = tmp_path / "empty"
    empty.mkdir()
    name = name.format(tmp=empty if name == "{tmp}" else tmp_path)
    assert main(["compare", str(pack), name, "--out", str(tmp_path / "c.html")]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "holds no results: name a folder that `run` wrote, such as build" in message
    assert not (tmp_path / "c.html").exists()


def test_the_difference_of_what_there_is_not_is_nothing():
    assert Number("n", "c", "hours", None, 2.0).pair.difference == ""
    assert Number("n", "c", "entries", 0, 2).pair.difference == "2 more"
    assert Number("n", "c", "mean_ns", 2000, 500).pair.difference == "1.5 µs less (75 %)"
    assert Number("n", "c", "entries", 2, 50).pair.difference == "48 more (25 times)"


def test_a_parameter_that_has_its_default_is_as_usual(tmp_path):
    make_run(tmp_path, "a", "01_memory", {"hours": 3.0, "seed": 1}, settings=SETTINGS, source="s", streams_sha256=[])
    make_run(tmp_path, "b", "01_memory", {"hours": 0, "seed": 1}, settings=SETTINGS, source="s", streams_sha256=[])
    (found,) = compare(str(tmp_path / "a"), str(tmp_path / "b"))
    assert [(pair.name, pair.a, pair.b) for pair in found.settings] == [("hours", "3", "as usual")]


def test_the_command_prints_a_table_and_writes_a_page_whose_links_hold(pack, tmp_path, capsys):
    page = tmp_path / "elsewhere/c.html"
    sides = [str(pack / "access"), str(pack / "access.max_entries=4096")]
    assert main(["compare", *sides, "--out", str(page)]) == 0
    text = capsys.readouterr().out
    assert "Keep 2048" in text
    assert "    cap               2048  4096\n" in text
    assert "    lost share    1 %  2.5 %  1.5 points more\n" in text
    assert text.endswith(f"{page}\n")
    assert max(map(len, text.splitlines()[4:-1])) <= 100
    html = page.read_text(encoding="utf-8")
    assert "It &lt;grows&gt;" in html
    links = [part.split('"')[0] for part in html.split('src="')[1:]]
    assert len(links) == 2
    assert all((page.parent / link.replace("%3D", "=")).resolve().exists() for link in links)
    assert main(["compare", *sides, "--out", str(page), "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)
    assert result["settings"] == [{"name": "cap", "a": "2048", "b": "4096", "difference": ""}]
    assert result["tiles"] == {"lost": {"a": "100 %", "b": "250 %"}}
    assert (result["numbers"][2]["name"], result["numbers"][2]["a"]) == ("never", None)
