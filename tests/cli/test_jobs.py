"""The plan of `run`: notebooks, their order and their folders, and the refusals before any of them runs."""

import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from simlib.cli.jobs import ON_DEMAND, plan
from simlib.cli.main import _parser, main
from simlib.core.errors import InputError
from simlib.core.places import WORKLOADS
from simlib.report import notebooks
from simlib.traces.measured import read_measured
from simlib.workloads.schema import workload_names
from tests.paths import ROOT

PLAIN = "workload: str = ''  # w\ntrace: str = ''  # t\nmax_entries: int = 2048  # n\nreplications: int = 5  # n"
ACROSS = "workloads: str = ''  # w\ntraces: str = ''  # t\nreplications: int = 5  # n"


@pytest.fixture
def planned(tmp_path, monkeypatch):
    """Plan a run of small notebooks: one across cases, two that decide, and one on demand."""
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path)
    for name, source in (("00_all", ACROSS), ("01_memory", PLAIN), ("05_five", PLAIN + "\nk: int = 1  # n")):
        write(tmp_path / f"{name}.ipynb", source)
    write(tmp_path / f"{ON_DEMAND[0]}.ipynb", PLAIN)
    (tmp_path / "access.csv").write_text("time,session\n0,a\n1,b\n")

    def planned(*arguments):
        return plan(_parser().parse_args(["run", "--out", str(tmp_path / "out"), *map(str, arguments)]))

    planned.log = tmp_path / "access.csv"
    return planned


def write(path, source):
    cell = new_code_cell(source, metadata={"tags": ["parameters"]})
    nbformat.write(new_notebook(cells=[cell]), path)


def folders(found):
    return [(job.notebook[:2], job.experiment) for job in found.jobs]


def test_a_log_gets_what_decides_in_its_own_folder(planned):
    found = planned("--trace", planned.log)
    assert folders(found) == [("01", "access"), ("05", "access"), ("00", "access")]
    assert found.leading == 3
    assert json.loads(found.jobs[-1].parameters["traces"]) == [str(planned.log)]
    assert [job.parameters.get("trace") for job in found.jobs] == [str(planned.log), str(planned.log), None]


def test_a_log_gets_a_notebook_on_demand_where_it_is_named(planned):
    found = planned("--trace", planned.log, "--notebook", ON_DEMAND[0])
    assert folders(found) == [("06", "access")]
    assert found.leading == 0


def test_of_several_workloads_the_first_is_decided_first_and_what_compares_them_runs_once(planned):
    found = planned("--workload", "incident", "--workload", "steady", "--profile", "ci")
    assert folders(found) == [
        ("01", "incident.ci"),
        ("05", "incident.ci"),
        ("00", "overview.incident+steady.ci"),
        ("01", "steady.ci"),
        ("05", "steady.ci"),
        ("06", "incident.ci"),
        ("06", "steady.ci"),
    ]
    assert found.leading == 2
    across = found.jobs[2]
    files = [WORKLOADS / f"{name}.yaml" for name in ("incident", "steady")]
    assert json.loads(across.parameters["workloads"]) == list(map(str, files))
    assert across.inputs == tuple(files)
    assert across.parameters["replications"] == 2


def test_all_workloads_together_are_the_overview(planned):
    found = planned()
    assert [job.experiment for job in found.jobs if job.notebook == "00_all"] == ["overview"]
    assert {job.experiment for job in found.jobs} == {"overview", *workload_names()}


def test_a_parameter_names_the_folder_and_reaches_the_notebooks_that_declare_it(planned):
    found = planned("--workload", "steady", "--parameter", "k=7", "--parameter", "max_entries=4096")
    assert {job.experiment for job in found.jobs} == {"steady.k=7,max_entries=4096"}
    with_k = {job.notebook: job.parameters.get("k") for job in found.jobs}
    assert with_k == {"05_five": 7, "01_memory": None, "00_all": None, ON_DEMAND[0]: None}
    assert {job.experiment for job in planned("--workload", "steady", "--parameter", "k=1").jobs} == {"steady"}


def test_a_profile_that_is_undone_is_no_usual_setting(planned):
    found = planned("--workload", "steady", "--profile", "ci", "--parameter", "replications=5")
    assert {job.experiment for job in found.jobs} == {"steady.ci,replications=5"}


def test_two_workloads_of_one_name_are_refused(planned, tmp_path):
    text = (WORKLOADS / "steady.yaml").read_text(encoding="utf-8")
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="two workloads are called 'mine'"):
        planned("--workload", tmp_path / "a/mine.yaml", "--workload", tmp_path / "b/mine.yaml")


MEASURED = PLAIN + "\nmemory: str = ''  # m"


@pytest.fixture
def rss(tmp_path):
    """Memory measured each twenty minutes of seven hours."""
    path = tmp_path / "rss.csv"
    path.write_text("time,rss\n" + "".join(f"{1200 * number},{number + 100}\n" for number in range(22)))
    return path


def test_measured_memory_reaches_the_notebook_that_declares_it_and_its_contents_are_an_input(planned, rss, tmp_path):
    write(tmp_path / "01_memory.ipynb", MEASURED)
    found = planned("--workload", "steady", "--memory", rss)
    assert {job.experiment for job in found.jobs} == {"steady.memory=rss.csv"}
    inputs = {job.notebook: job.inputs for job in found.jobs}
    assert inputs["01_memory"] == (WORKLOADS / "steady.yaml", rss)
    assert inputs["05_five"] == (WORKLOADS / "steady.yaml",)
    job = next(job for job in found.jobs if job.notebook == "01_memory")
    assert job.parameters["memory"] == str(rss)
    before = job.seal()["fingerprint"]
    rss.write_text(rss.read_text().replace("110", "111"))
    assert job.seal()["fingerprint"] != before


def test_measured_memory_that_needs_options_is_read_from_a_copy(planned, rss, tmp_path):
    write(tmp_path / "01_memory.ipynb", MEASURED)
    given = ("--memory", rss, "--memory-columns", "bytes=rss", "--memory-unit", "MiB")
    found = planned("--workload", "steady", *given, "--notebook", "01_memory")
    (job,) = found.jobs
    copy = read_measured(job.parameters["memory"])
    assert copy.mib.tolist() == list(range(100, 122))
    assert job.inputs[1] == Path(job.parameters["memory"]) != rss


def test_measured_memory_that_does_not_fit_is_refused(planned, rss, tmp_path):
    with pytest.raises(InputError, match="declares no parameter 'memory'"):
        planned("--workload", "steady", "--memory", rss)
    write(tmp_path / "01_memory.ipynb", MEASURED)
    with pytest.raises(InputError, match="--memory is of one process: name one workload"):
        planned("--workload", "steady", "--workload", "incident", "--memory", rss)
    with pytest.raises(InputError, match=r"rss.csv: 11 points within the 3.5 h to compare: at least 20"):
        planned("--workload", "steady", "--memory", rss, "--profile", "ci")
    with pytest.raises(InputError, match=r"rss.csv: 1 point within the 1 s to compare"):
        planned("--trace", planned.log, "--memory", rss)
    with pytest.raises(InputError, match="name it with --memory"):
        planned("--workload", "steady", "--memory-unit", "MiB")


REFUSED = {
    "ttl=30 parsecs": "ttl: '30 parsecs' is not a duration",
    "ttl=30": "ttl: '30' has no unit: write 30s for seconds or 30m for minutes",
    "max_entries=1.5": "parameter max_entries: '1.5' is not a whole number",
    "replications=1000000000": "replications: 1000000000 is too many: 5 do for most, at most 1000",
    "replications=0": "replications: 0 is too few: at least 1",
    "memory_limit_mib=nan": "memory_limit_mib: nan is out of range",
    "prune_every=0": "prune_every must be at least 1, not 0",
    "go_version=1.22": "go_version: '1.22' has no measurements: choose one of 1.23, 1.24, 1.27",
    "instances=0": "instances: 0 is out of range",
    "caps=1": "the suite declares no parameter 'caps': there are ",
    "workload=x": "parameter 'workload' has an option of its own: --workload",
    "traces=x": "parameter 'traces' has an option of its own: --trace",
    "ttl": "parameter 'ttl': write NAME=VALUE",
}


@pytest.mark.parametrize("given", REFUSED)
def test_a_refusal_names_the_parameter_and_what_would_do(capsys, tmp_path, given):
    out = str(tmp_path / "out")
    assert main(["run", "--workload", "incident", "--out", out, "--parameter", given]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert REFUSED[given] in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["seed", "replications", "hours"])
def test_what_has_no_meaning_for_a_log_is_refused(capsys, name):
    log = str(ROOT / "nowhere.csv")
    assert main(["run", "--trace", log, "--parameter", f"{name}=2"]) == 2
    assert f"parameter {name} has no meaning for a log" in capsys.readouterr().err
