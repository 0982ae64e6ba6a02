"""Every notebook in JupyterLab, as a person opens it: run from top to bottom in a real browser."""

import os
import re
import subprocess
import sys

import nbformat
import papermill
import pytest
from playwright.sync_api import expect

from simlib.report.notebooks import EXPLORE, notebook_names
from tests.paths import ROOT

SMALL = {"workload": "steady", "replications": 2, "hours": 3.5}
"""A workload that each notebook finishes in seconds."""

RUN_ALL = """async () => {
    const notebook = window.jupyterapp.shell.currentWidget;
    await notebook.context.ready;
    await notebook.sessionContext.ready;
    await window.jupyterapp.commands.execute("notebook:run-all-cells");
    return notebook.content.model.sharedModel.cells
        .filter((cell) => cell.cell_type === "code")
        .map((cell) => [cell.getSource(), cell.execution_count, cell.outputs]);
}"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab on copies of the notebooks with small parameters; returns its address and its token."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "notebooks").mkdir()
    for name in notebook_names():
        notebook = papermill.iorw.load_notebook_node(str(ROOT / "notebooks" / f"{name}.ipynb"))
        wanted = {**SMALL, "out": str(folder / "build" / name)}
        known = next(cell.source for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
        wanted = {each: value for each, value in wanted.items() if re.search(rf"^{each}\b", known, re.M)}
        small = papermill.parameterize.parameterize_notebook(notebook, wanted)
        nbformat.write(small, folder / "notebooks" / f"{name}.ipynb")
    command = [sys.executable, "-m", "simlib.report.lab", "--no-browser", "--ServerApp.port=0"]
    command += ["--ServerApp.token=token", "--LabApp.expose_app_in_browser=True"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=folder, env=env)
    address = next(
        found.group(1) for line in server.stderr if (found := re.search(r"(http://localhost:\d+)/lab", line))
    )
    yield address
    server.terminate()
    server.wait(30)
    server.stderr.close()


@pytest.mark.parametrize("name", notebook_names())
def test_the_notebook_runs_from_top_to_bottom(browser, lab, name):
    page, faults = browser.new_page(), []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{lab}/lab/tree/notebooks/{name}.ipynb?token=token&reset")
    page.wait_for_function("window.jupyterapp?.shell?.currentWidget?.context", timeout=120_000)
    page.set_default_timeout(120_000)
    for source, count, outputs in page.evaluate(RUN_ALL):
        assert count, source
        kinds = [(each["output_type"], each.get("name")) for each in outputs]
        assert ("error", None) not in kinds, outputs
        assert ("stream", "stderr") not in kinds, outputs
    wide = page.evaluate("""[...document.querySelectorAll(".jp-OutputArea-output img, .jp-OutputArea-output svg")]
        .filter((each) => each.getBoundingClientRect().width > each.closest(".jp-OutputArea").clientWidth).length""")
    assert wide == 0
    assert page.locator(".Toastify__toast").count() == 0
    if name == EXPLORE:
        explorer = page.locator(".jp-OutputArea-output").filter(has=page.get_by_role("application"))
        point = explorer.locator("table caption")
        before = point.inner_text()
        explorer.get_by_role("slider", name="TTL").press("ArrowLeft")
        expect(point).not_to_have_text(before)
        number = explorer.get_by_label("Cap exactly, entries")
        number.fill("77")
        number.press("Enter")
        page.wait_for_function("document.body.innerText.includes('77 entries')")
        explorer.get_by_text("Meets every target").or_(explorer.get_by_text("Misses")).wait_for()
    assert faults == []
    page.close()
