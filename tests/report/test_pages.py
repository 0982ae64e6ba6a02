"""The page leads with the decision, shows all that the folder holds, and stands alone in its folder."""

import json
import re
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest

from simlib.core.places import PACKAGE
from simlib.report.pack import EXPLORER
from simlib.report.pages import write_report
from tests.report.made import figure, make_failure, make_run, write_json

HOSTILE = "<script>alert(1)</script> \x1b[31m \u202e|*_`[a](b)"
TILE = {"value": "49.8 h → never", "note": "of 32 MiB", "good": True}


class Page(HTMLParser):
    """The elements of a page, in order, and its text."""

    def __init__(self, out):
        super().__init__()
        self.elements, self.parts = [], []
        self.source = (out / "index.html").read_text(encoding="utf-8")
        self.feed(self.source)
        self.text = re.sub(r"\s+", " ", "".join(self.parts))

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.parts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def whole(tmp_path):
    """A folder with an overview, two cases, results about the models, and a failed run."""
    out = tmp_path / "out"
    for case in ("b", "a=1.5"):
        make_run(
            out,
            case,
            "01_memory",
            figures=[figure("heap"), figure("growth")],
            claims=[
                {
                    "claim": "One",
                    "holds": True,
                    "numbers": {"mean_ns": 96.9412, "never": None},
                    "reason": "",
                    "about": "case",
                },
                {"claim": "Two", "holds": False, "numbers": {}, "reason": "A log need not.", "about": "case"},
            ],
            tiles={"out_of_memory": TILE},
        )
        make_run(
            out, case, "04_sizing", verdict=f"Set the cap of {case}.", tables={"choices": "cap,share\n7,0.123456\n"}
        )
        make_run(
            out,
            case,
            "06_validation",
            answers=[{"text": "They agree.", "about": "models"}],
            figures=[figure("heap_model", about="models"), figure("closed_forms")],
        )
        make_run(out, case, "07_scale")
    make_failure(out, "b", "05_designs", error="E: " + HOSTILE)
    table = {"name": "overview", "caption": "All.", "about": "case", "columns": ["", "lost"], "rows": [["b", "1 %"]]}
    tables = {"overview": "case,lost\nb,0.01\n"}
    overview = make_run(out, "overview", "00_overview", figures=[figure("overview", width=900)], tables=tables)
    summary = json.loads((overview / "summary.json").read_text(encoding="utf-8"))
    write_json(overview / "summary.json", {**summary, "tables": [table]})
    return out


def test_the_decision_comes_first_then_the_chart_the_table_and_the_rest(whole):
    write_report(whole, ["b"])
    page = Page(whole)
    order = [
        '<h1 id="verdict">Set the cap of b.</h1>',
        "49.8 h → never",
        'src="b/01_memory/heap.svg"',
        'aria-label="All."',
        'src="overview/00_overview/overview.svg"',
        "In this folder",
        'id="case-b"',
        "The answer of 01_memory.",
        "The answer of 07_scale.",
        'id="case-a=1.5"',
        "About the models, not about this case",
        "They agree.",
    ]
    places = [page.source.index(text) for text in order]
    assert places == sorted(places)
    assert page.source.count("They agree.") == page.source.count('src="b/06_validation/heap_model.svg"') == 1


def test_the_cases_of_the_run_lead_and_earlier_ones_stay(whole):
    write_report(whole, ["a=1.5"])
    page = Page(whole)
    assert '<h1 id="verdict">Set the cap of a=1.5.</h1>' in page.source
    assert {"#case-b", "#case-a%3D1.5"} <= {link["href"] for link in page.all("a")}
    assert "overview" not in [attributes.get("id", "")[5:] for _, attributes in page.elements]


def test_overviews_of_other_times_are_listed_but_not_that_of_a_case_which_is_there(whole):
    for place in ("overview.ci", "b"):
        make_run(whole, place, "00_overview")
    write_report(whole, ["b", "overview"])
    links = [link["href"] for link in Page(whole).all("a")]
    assert "overview.ci/00_overview/00_overview.ipynb" in links
    assert "b/00_overview/00_overview.ipynb" not in links


def test_without_a_verdict_the_first_answer_leads(tmp_path):
    make_run(tmp_path, "log", "02_eviction_accuracy")
    make_run(tmp_path, "log", "01_memory")
    write_report(tmp_path)
    assert '<h1 id="verdict">The answer of 01_memory.</h1>' in Page(tmp_path).source


def test_failed_and_missing_runs_are_said_before_the_verdict(whole):
    write_report(whole, ["b"])
    page = Page(whole)
    head = page.text[: page.text.index("In this folder")]
    assert "1 failed: b, 05_designs in cell the-cell: E: <script>" in head
    assert "Not run on b: 02_eviction_accuracy, 03_prune_cost, explore." in head
    assert "Not run on a=1.5: 02_eviction_accuracy, 03_prune_cost, 05_designs, explore." in head


def test_what_is_awaited_is_said_before_the_verdict_until_it_is_there(whole):
    write_report(whole, ["b"], [("b", "02_eviction_accuracy"), ("c", "01_memory"), ("b", "01_memory")])
    head = Page(whole).text.partition("In this folder")[0]
    assert "3 missing: the run goes on, or it was ended early. Run it again for" in head
    assert "b (02_eviction_accuracy; 01_memory, an earlier result is shown), c (01_memory)." in head
    assert "- c, 01_memory: missing" in (whole / "appendix.md").read_text(encoding="utf-8")
    write_report(whole, ["b"])
    assert "missing:" not in Page(whole).text + (whole / "appendix.md").read_text(encoding="utf-8")


def test_a_failure_says_where_an_earlier_result_stands_in_its_place(tmp_path):
    make_run(tmp_path, "a", "01_memory")
    make_failure(tmp_path, "a", "01_memory")
    make_failure(tmp_path, "b", "01_memory")
    write_report(tmp_path)
    one, other = (f"{case}, 01_memory in cell the-cell: E: no" for case in "ab")
    assert f"2 failed: {one} (an earlier result is shown); {other} " in Page(tmp_path).text


def test_with_failures_alone_there_is_a_page_that_says_so(tmp_path):
    make_failure(tmp_path, "a", "01_memory")
    write_report(tmp_path)
    assert "No result: no notebook ran to its end." in Page(tmp_path).text


def test_every_link_leads_to_a_file_of_the_folder_or_a_place_of_the_page(whole):
    write_report(whole, ["b"])
    page = Page(whole)
    places = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    links = [link["href"] for link in page.all("a")] + [image["src"] for image in page.all("img")]
    assert len(links) > 50
    for link in map(unquote, links):
        assert link[1:] in places if link.startswith("#") else (whole / link).is_file(), link
    for name in ("postmortem.md", "appendix.md"):
        for target in re.findall(r"(?<!\\)\[[^\]]*\]\(([^)]+)\)", (whole / name).read_text(encoding="utf-8")):
            assert (whole / unquote(target)).is_file(), target


def test_the_page_needs_no_network_and_no_script_and_nothing_in_it_jumps(whole):
    write_report(whole, ["b"])
    page = Page(whole)
    assert not page.all("script") + page.all("link") + page.all("iframe")
    assert "url(" not in page.source
    assert "://" not in page.source
    images = page.all("img")
    assert all(image["alt"] and int(image["width"]) and int(image["height"]) for image in images)
    # The first is on the first screen: it is wanted at once.
    assert ["loading" in image for image in images] == [False] + [True] * (len(images) - 1)


def test_strings_of_others_stay_text(tmp_path):
    make_run(
        tmp_path,
        "log",
        "01_memory",
        title=HOSTILE,
        scope=HOSTILE,
        verdict=HOSTILE,
        tables={"t": f'"{HOSTILE}",x\n"{HOSTILE}",1\n'},
    )
    write_report(tmp_path)
    page = Page(tmp_path)
    assert not page.all("script")
    assert r"<script>alert(1)</script> \x1b[31m \u202e|*_`[a](b)" in page.text
    for name in ("index.html", "postmortem.md", "appendix.md"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert not {"\x1b", "\u202e"} & set(text)
        assert "<script>" not in text
    assert r"&lt;script>alert(1)&lt;/script> \x1b\[31m \u202e\|\*\_\`\[a](b) |" in text


def test_numbers_are_for_people_and_what_does_not_hold_has_its_reason(whole):
    write_report(whole, ["b"])
    page = Page(whole)
    assert "mean 96.9 ns; never none" in page.text
    assert "1 of 2 claims hold" in page.text
    assert "Two. A log need not." in page.text
    assert "0.123" in page.text
    assert "0.123456" not in page.text


def test_an_overview_of_one_case_stands_upright(whole):
    write_report(whole, ["b"])
    first, second = (part.partition("</table>")[0] for part in Page(whole).source.split("<table>")[1:3])
    assert '<th scope="col">b</th>' in first
    assert re.search(r'<th scope="row">lost</th>\s*<td>1 %</td>', first)
    # The whole table, below, is as it was recorded.
    assert re.search(r'<th scope="row"><a href="#case-b">b</a></th>\s*<td>1 %</td>', second)


def test_claims_and_manifest_hold_every_run(whole):
    write_report(whole, ["b"])
    claims = json.loads((whole / "claims.json").read_text(encoding="utf-8"))
    assert [(claim["case"], claim["notebook"], claim["claim"]) for claim in claims] == [
        (case, "01_memory", claim) for case in ("b", "a=1.5") for claim in ("One", "Two")
    ]
    manifest = json.loads((whole / "manifest.json").read_text(encoding="utf-8"))
    assert len(manifest) == 10
    assert [entry["error"][:4] for entry in manifest if entry["error"]] == ["cell"]


def luminance(colour: str) -> float:
    """Relative luminance of a colour, as WCAG 2 defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_text_has_the_contrast_that_wcag_asks_for_on_light_dark_and_paper():
    style = (PACKAGE / "report/templates/style.css").read_text(encoding="utf-8")
    palettes = [
        dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    ]
    assert len(palettes) == 3
    for palette in palettes:
        for text in ("ink", "soft", "link", "good", "bad"):
            for ground in ("paper", "wash"):
                light, dark = sorted((luminance(palette[text]), luminance(palette[ground])), reverse=True)
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, ground, palette)


def test_nothing_but_the_second_heading_is_hidden_in_print():
    style = (PACKAGE / "report" / "templates" / "style.css").read_text(encoding="utf-8")
    printed = style[style.index("@media print") :]
    hidden = re.findall(r"^ *([^{}\n]+?) *\{[^}]*display: none", printed, flags=re.MULTILINE)
    assert hidden == [".narrow"]


def test_a_case_has_its_explorer_in_the_page_and_nothing_in_it_ends_its_script(whole):
    directory = make_run(whole, "b", "explore", figures=[figure("explorer")])
    data = {"case": "</script><!-- " + HOSTILE}
    write_json(directory / EXPLORER, data)
    write_report(whole, ["b"])
    page = Page(whole)
    (script,) = re.findall(r'<script type="application/json" class="surfaces">(.*?)</script>', page.source, re.DOTALL)
    assert json.loads(script) == data
    assert "<" not in script
    assert page.source.index('class="explorer"') > page.source.index('id="case-b"')
    assert page.source.count('<div class="explorer"></div>\n<div class="figures">') == 1
    assert "explore/explorer.svg" in page.source
    code = (PACKAGE / "report/templates/explorer.js").read_text(encoding="utf-8")
    assert code.strip() in page.source
    assert not re.search(r"\b(fetch|import|XMLHttpRequest|WebSocket)\b", code)


def test_without_surfaces_the_page_holds_no_script(whole):
    write_report(whole, ["b"])
    assert not Page(whole).all("script")
