"""The exported page in a real browser: from a file, with no server, on a wide screen, a phone and paper."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.packs import once, run, write_hostile_log

SCREENS = {"desk": {"width": 1200, "height": 800}, "phone": {"width": 390, "height": 844}}

PAPER = {"width": 680, "height": 1010}
"""CSS pixels of an A4 page between margins of 15 mm."""


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """A folder that all test processes share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if base.name.startswith("popen-") else base


@pytest.fixture(scope="session")
def pack(shared):
    """A pack of two workloads."""
    return once(shared / "pack", lambda out: run(out, "--workload", "incident", "--workload", "steady"))


@pytest.fixture(scope="session")
def hostile_pack(shared):
    """A pack of a log whose ids mean harm, divided into classes by the ids themselves."""

    def make(out):
        log = shared / "<b onclick=1>log.csv"
        write_hostile_log(log)
        run(
            out,
            "--trace",
            str(log),
            "--class",
            "(.*)-[0-9]+",
            "--notebook",
            "01_memory",
            "--notebook",
            "02_eviction_accuracy",
        )

    return once(shared / "hostile", make)


def opened(browser, folder, screen="desk", **options):
    """Open the index of a pack; return the page and the list to which all that goes wrong is added."""
    page, faults = browser.new_page(viewport=SCREENS[screen], **options), []
    page.on("console", lambda message: faults.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: faults.append(f"error: {error}"))
    page.on("requestfailed", lambda request: faults.append(f"failed: {request.url}"))
    page.on("request", lambda request: request.url.startswith(("file:", "data:")) or faults.append(request.url))
    page.goto((folder / "index.html").as_uri())
    return page, faults


def unfold(page):
    """Open all that is folded, and load every figure."""
    page.evaluate("""async () => {
        for (const each of document.querySelectorAll("details")) each.open = true;
        const images = [...document.images];
        for (const image of images) image.loading = "eager";
        await Promise.all(images.map((image) => image.decode()));
    }""")


@pytest.mark.parametrize("screen", SCREENS)
def test_the_page_is_whole_asks_for_nothing_and_fits_the_screen(browser, pack, screen):
    page, faults = opened(browser, pack, screen)
    unfold(page)
    images = page.evaluate("[...document.images].map(each => [each.currentSrc, each.naturalWidth, each.alt])")
    assert len(images) > 20
    assert [each for each in images if not each[1] or not each[2].strip()] == []
    unnamed = "[...document.querySelectorAll('svg[role=img]')].filter(each => !each.getAttribute('aria-label'))"
    assert page.evaluate(f"{unnamed}.length") == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= SCREENS[screen]["width"]
    assert faults == []
    page.close()


@pytest.mark.parametrize("screen", SCREENS)
def test_the_first_screen_leads_with_the_verdict_and_shows_the_heap_chart(browser, pack, screen):
    page, _ = opened(browser, pack, screen)
    verdict, figure = (page.locator(each).first.bounding_box() for each in ("h1", "main img"))
    assert verdict["y"] + verdict["height"] < figure["y"] < SCREENS[screen]["height"]
    page.close()


@pytest.mark.parametrize("screen", SCREENS)
def test_the_explorer_answers_keys_and_sliders_without_a_kernel(browser, pack, screen):
    page, faults = opened(browser, pack, screen)
    unfold(page)
    explorer = page.locator(".explorer").first
    explorer.scroll_into_view_if_needed()
    point = explorer.locator("table caption")
    before = point.inner_text()
    explorer.get_by_role("application").press("ArrowLeft")
    expect(point).not_to_have_text(before)
    moved = point.inner_text()
    explorer.get_by_role("slider", name="TTL").press("ArrowLeft")
    expect(point).not_to_have_text(moved)
    assert explorer.locator("tbody tr").count() > 4
    assert page.evaluate("document.documentElement.scrollWidth") <= SCREENS[screen]["width"]
    assert faults == []
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_meets_wcag_aa(browser, pack, scheme):
    page, _ = opened(browser, pack, color_scheme=scheme)
    unfold(page)
    rules = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}}
    found = Axe().run(page, options=rules).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:200]) for each in found] == []
    page.close()


def test_paper_has_every_figure_whole_and_no_wide_table(browser, pack):
    page, _ = opened(browser, pack)
    page.emulate_media(media="print")
    page.set_viewport_size(PAPER)
    unfold(page)
    figures = page.evaluate("""[...document.querySelectorAll("figure")].map(each => [
        getComputedStyle(each).breakInside, each.getBoundingClientRect().height, each.innerText])""")
    assert len(figures) > 20
    assert [each for each in figures if each[0] != "avoid" or not 0 < each[1] < PAPER["height"]] == []
    # A table wider than the paper would shrink every page.
    ends = page.evaluate("[...document.querySelectorAll('table')].map(each => each.getBoundingClientRect().right)")
    assert len(ends) > 20
    assert max(ends) <= PAPER["width"]
    page.close()


def test_ids_that_mean_harm_stay_text(browser, hostile_pack):
    page, faults = opened(browser, hostile_pack)
    unfold(page)
    assert page.evaluate("window.harmed") is None
    assert page.locator("img[src=x], [onclick]").count() == 0
    text = page.inner_text("body")
    assert "<img src=x" in text
    assert not set("\u202e\x1b") & set(text)
    assert faults == []
    page.close()
