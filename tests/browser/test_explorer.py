"""The explorer in a real browser, over a surface written by hand: its words, and how little a moved point changes."""

import pytest
from playwright.sync_api import expect

from simlib.analysis.commands import option_of, setting_options
from simlib.analysis.points import Point, scaled
from simlib.core.units import SECOND
from simlib.report.widget import TEMPLATES
from simlib.stores.contract import Settings
from simlib.stores.registry import DESIGNS

CAPS, TTLS = [10, 100, 1001, 0], [60, 90, 0]

LOST = [0.5, 0.4, 0.3, 0.02, 0.020005, 0.02, 0.01, 0.005, 0.0, 0.0, 0.0, 0.0]
"""By cap, then by TTL: at 100 entries the TTL of 90 s loses a two-hundred-thousandth of all counts more than 60 s."""

MEASURES = [
    {"key": "lost_share", "label": "counts lost", "kind": "share", "parameter": "max_lost", "bounds": [0.01, 0.1]},
    {"key": "mean_ns", "label": "mean increment", "kind": "ns", "parameter": "", "bounds": [100, 1000]},
]

TODAY = {"design": "bounded", "cap": 100, "ttl": 60}

DATA = {
    "case": "by hand",
    "caps": CAPS,
    "ttls": TTLS,
    "designs": {
        name: {each: option_of(each) for each in DESIGNS[name].settings} for name in ("bounded", "linked_list")
    },
    "traffic": [1, 2],
    "colours": ["#ffffff", "#888888", "#000000"],
    "measures": MEASURES,
    "points": {"today": TODAY, "recommended": {**TODAY, "cap": 1001}},
    "most_cap": None,
    "least_ttl": 0,
    "prune_every": 256,
    "commands": ["python -m simlib replay log.csv"],
    "start": {**TODAY, "traffic": 1, "measure": "lost_share", "targets": {"lost_share": 0.01, "mean_ns": None}},
    "surfaces": {
        name: {times: {"lost_share": LOST, "mean_ns": [250, -11]} for times in ("1", "2")}
        for name in ("bounded", "linked_list")
    },
}

MODEL = """(data) => {
    const model = { data, state: data.start, sent: [] };
    window.model = Object.assign(model, {
        get: (name) => model[name],
        set: (name, value) => (model[name] = value),
        save_changes: () => {},
        send: (message) => model.sent.push(structuredClone(message)),
        on: (_, answer) => (model.answer = answer),
    });
    widget.render({ model, el: document.body });
}"""
"""A widget whose kernel is the test: `model.sent` is what it was asked, `model.answer` takes its answers."""


@pytest.fixture
def page(browser):
    page, faults = browser.new_page(), []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    script, style = ((TEMPLATES / f"explorer.{kind}").read_text(encoding="utf-8") for kind in ("js", "css"))
    page.set_content(f"<!doctype html><style>{style}</style>")
    module = script.replace("export default", "window.mount = mount; window.widget =")
    page.add_script_tag(content=module, type="module")
    page.wait_for_function("window.widget")
    yield page
    assert faults == []
    page.close()


@pytest.fixture
def explorer(page):
    """The explorer in a page without a kernel."""
    page.evaluate(
        """(data) => {
        document.body.innerHTML = '<div class="explorer"></div>';
        window.drawn = 0;
        window.shown = mount(document.querySelector(".explorer"), data, { changed: () => drawn++ });
    }""",
        DATA,
    )
    return page.locator(".explorer")


def row(explorer, name):
    return explorer.get_by_role("row", name=name)


def test_a_moved_point_is_announced_where_the_first_one_stood(explorer):
    caption = explorer.locator("caption")
    stands = caption.element_handle()
    expect(caption).to_have_text("bounded, 100 entries, 1 min, traffic as today")
    explorer.get_by_role("application").press("ArrowRight")
    expect(caption).to_have_text("bounded, 1001 entries, 1 min, traffic as today")
    assert stands.get_attribute("aria-live") == "polite"
    assert stands.evaluate("each => each.isConnected && each.textContent") == caption.inner_text()


def test_a_moved_point_leaves_the_map_as_it_is_and_a_frame_draws_once(page, explorer):
    changed = page.evaluate("""async () => {
        const seen = [];
        const watch = new MutationObserver((all) => seen.push(...all.map((each) => each.target.getAttribute("class"))));
        watch.observe(document.querySelector(".map"), { attributes: true, childList: true, subtree: true });
        const slider = document.querySelector("input[type=range]");
        const drawnBefore = drawn;
        for (const value of [0, 2, 1, 3, 2]) {
            slider.value = value;
            slider.dispatchEvent(new Event("input"));
        }
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
        return [drawn - drawnBefore, [...new Set(seen)]];
    }""")
    assert changed == [1, ["chosen"]]
    expect(explorer.locator("caption")).to_contain_text("1001 entries")
    explorer.get_by_label("Colour").select_option("mean_ns")
    expect(explorer.locator(".legend")).to_contain_text("under 100 ns")


def test_a_press_on_the_map_chooses_the_cell_under_it(page, explorer):
    box = explorer.locator(".area").nth(2).bounding_box()
    page.mouse.click(box["x"] + 3, box["y"] + 3)
    expect(explorer.locator("caption")).to_have_text("bounded, 10 entries, no TTL, traffic as today")
    label = explorer.locator("svg.map text", has_text="cap, entries").bounding_box()
    page.mouse.click(label["x"] + label["width"] / 2, label["y"] + label["height"] / 2)
    expect(explorer.locator("caption")).to_contain_text("10 entries, no TTL")


@pytest.mark.parametrize(
    ("keys", "here", "differs"),
    [
        ([], "2 % ✗", "same"),
        (["ArrowUp"], "2 % ✗", "nearly the same"),
        (["ArrowLeft"], "50 % ✗", "+48 points"),
        (["ArrowRight"], "1 % ✓", "\N{MINUS SIGN}1 points"),
    ],
)
def test_a_difference_is_said_in_words_that_fit_its_size(explorer, keys, here, differs):
    for key in keys:
        explorer.get_by_role("application").press(key)
    cells = row(explorer, "counts lost").get_by_role("cell")
    expect(cells).to_have_text([here, "2 %", differs])
    expect(row(explorer, "mean increment").get_by_role("cell")).to_have_text(["250 ns", "250 ns", "same"])


def test_a_target_moves_the_verdict_and_the_region_and_can_be_put_back(page, explorer):
    verdict, region = explorer.locator(".verdict"), explorer.locator(".region")
    explorer.get_by_text("Targets").click()
    target = explorer.get_by_label("counts lost, at most")
    expect(target).to_have_value("1")
    expect(verdict).to_have_text("Misses a target: counts lost.")
    before = region.get_attribute("d")
    target.fill("7")
    expect(verdict).to_have_text("Meets every target.")
    assert region.get_attribute("d") != before
    assert page.evaluate("shown.state.targets.lost_share") == 0.07
    target.fill("1")
    expect(verdict).to_have_text("Misses a target: counts lost.")
    assert region.get_attribute("d") == before
    assert page.evaluate("shown.state") == DATA["start"]
    for nothing in ("", "101"):
        target.fill(nothing)
        target.blur()
        expect(target).to_have_value("1")
    assert page.evaluate("shown.state") == DATA["start"]


@pytest.mark.parametrize("design", DATA["designs"])
@pytest.mark.parametrize("times", DATA["traffic"])
def test_the_command_names_the_options_that_the_design_takes(explorer, design, times):
    explorer.get_by_label("Design").select_option(design)
    if times == 2:
        explorer.get_by_role("slider", name="Traffic").press("ArrowRight")
    for cap in (10, 100, 1001, 0):
        explorer.get_by_role("slider", name="Cap").press("Home")
        for _ in range(CAPS.index(cap)):
            explorer.get_by_role("slider", name="Cap").press("ArrowRight")
        settings = scaled(Settings(cap, 60 * SECOND), times)
        options = " ".join(setting_options(Point(design, settings))).replace("--ttl 1m", "--ttl 60s")
        expect(explorer.locator("code")).to_have_text(f"python -m simlib replay log.csv {options}")


def test_off_the_map_the_kernel_is_asked_once_at_a_time_and_its_failure_is_said(page):
    page.evaluate(MODEL, DATA)
    explorer = page.locator(".explorer")
    verdict, cap = explorer.locator(".verdict"), explorer.get_by_label("Cap exactly, entries")
    cap.fill("55")
    expect(verdict).to_have_text("The kernel replays this point …")
    cap.fill("56")
    expect(explorer.locator("caption")).to_contain_text("56 entries")
    (asked,) = page.evaluate("model.sent")
    assert asked["replay"] == {**DATA["start"], "cap": 55}
    page.evaluate("model.answer({ exact: { lost_share: 0.5, mean_ns: 1 }, state: model.sent[0].replay })")
    expect(verdict).to_have_text("The kernel replays this point …")
    assert page.evaluate("model.sent[1].replay.cap") == 56
    page.evaluate("model.answer({ failed: 'The kernel could not.', state: model.sent[1].replay })")
    expect(verdict).to_have_text("The kernel could not.")
    expect(row(explorer, "counts lost").get_by_role("cell")).to_have_text(["not known", "2 %", ""])
    cap.fill("57")
    expect(verdict).to_have_text("The kernel replays this point …")
    page.evaluate("model.answer({ exact: { lost_share: 0.005, mean_ns: 1 }, state: model.sent[2].replay })")
    expect(verdict).to_have_text("Meets every target.")
    assert page.evaluate("model.state.cap") == 57
    explorer.get_by_role("button", name="Keep").click()
    assert page.evaluate("model.sent.at(-1)") == {"keep": {**DATA["start"], "cap": 57}}
    page.evaluate("model.answer({ said: 'Kept.' })")
    expect(explorer.locator("[role=status]")).to_have_text("Kept.")


def test_a_kernel_that_does_not_answer_is_said_and_asked_again_at_the_next_point(page):
    page.clock.install()
    page.evaluate(MODEL, DATA)
    verdict, cap = page.locator(".explorer .verdict"), page.locator(".explorer").get_by_label("Cap exactly, entries")
    cap.fill("55")
    page.clock.run_for(100)
    expect(verdict).to_have_text("The kernel replays this point …")
    page.clock.run_for(20_000)
    expect(verdict).to_have_text("The kernel does not answer: run the cells again.")
    cap.fill("56")
    page.clock.run_for(100)
    assert [each["replay"]["cap"] for each in page.evaluate("model.sent")] == [55, 56]
    page.evaluate("model.answer({ exact: { lost_share: 0.005, mean_ns: 1 }, state: model.sent[1].replay })")
    page.clock.run_for(30_000)
    expect(verdict).to_have_text("Meets every target.")


def test_the_command_writes_no_exponent(page):
    page.evaluate(MODEL, DATA)
    explorer = page.locator(".explorer")
    explorer.get_by_label("TTL exactly, s").fill("0.0000001")
    expect(explorer.locator("code")).to_contain_text("--ttl 100ns")
