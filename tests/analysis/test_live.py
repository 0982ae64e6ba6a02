"""The explorer in a notebook: a figure where nobody watches; what a person asks for is answered and kept."""

import json

import pytest

from simlib.analysis import live
from simlib.analysis.explore import Explorer
from simlib.analysis.live import keep, show
from simlib.analysis.sizing import Sizing, targets_of
from simlib.experiments.experiment import open_experiment
from simlib.report.pack import EXPLORER, SUMMARY, Pack
from simlib.report.widget import Live


@pytest.fixture(scope="module")
def explorer():
    experiment = open_experiment("steady", hours=1, compiled=True)
    return Explorer(Sizing(experiment, targets_of(), "steady"))


@pytest.fixture
def pack(tmp_path, explorer):
    return Pack(str(tmp_path / "pack"), "explore", explorer.sizing.experiment)


def test_where_nobody_watches_the_figure_is_shown_and_the_pack_has_the_surfaces(explorer, pack):
    shown = show(explorer, pack)._repr_mimebundle_()
    assert shown["image/png"] == (pack.directory / "explorer.png").read_bytes()
    assert shown["image/svg+xml"] == (pack.directory / "explorer.svg").read_text(encoding="utf-8")
    found = json.loads((pack.directory / EXPLORER).read_text(encoding="utf-8"))
    assert found == json.loads(json.dumps(explorer.data()))


def test_a_state_is_kept_whole_and_once(explorer, pack):
    state = explorer.start.changed("design=heap max_entries=77 ttl=3m traffic=2 measure=heap_mib")
    said = [keep(explorer, pack, state) for _ in range(2)]
    name = "kept-heap-77-3m-2-heap_mib"
    assert {path.name for path in pack.directory.iterdir()} == {
        SUMMARY,
        *(f"{name}.{ending}" for ending in ("svg", "png", "csv", "txt")),
    }
    (figure,) = json.loads((pack.directory / SUMMARY).read_text(encoding="utf-8"))["figures"]
    assert figure["name"] == name
    text = (pack.directory / f"{name}.txt").read_text(encoding="utf-8")
    assert text.startswith(figure["caption"])
    assert "--design heap --max-entries 38 --ttl 3m --prune-every 128" in text
    assert "at = 'design=heap max_entries=77 ttl=3m traffic=2 measure=heap_mib'" in said[0] == said[1]


def test_two_kept_states_that_differ_in_their_targets_are_two_figures(explorer, pack):
    for lost in (0.05, 0.2):
        targets = explorer.start.targets._replace(lost=lost)
        keep(explorer, pack, explorer.start._replace(targets=targets))
    names = [path.name for path in pack.directory.glob("kept-*.txt")]
    assert sorted(name.rpartition("max_lost-")[2] for name in names) == ["0.05.txt", "0.2.txt"]


class Channel:
    """Takes what the widget sends, in place of a browser."""

    def __init__(self, widget, monkeypatch):
        self.widget, self.sent = widget, []
        monkeypatch.setattr(widget, "send", self.sent.append)

    def ask(self, message):
        self.widget._handle_custom_msg(message, [])
        return self.sent[-1]


@pytest.mark.filterwarnings("default")
def test_a_person_gets_the_widget_which_answers_off_the_map_and_keeps(explorer, pack, monkeypatch):
    monkeypatch.setattr(live, "is_watched", lambda: True)
    widget = show(explorer, pack)
    assert widget.data == explorer.data()
    channel = Channel(widget, monkeypatch)
    page = {**widget.data["start"], "cap": 333, "ttl": 77.5, "traffic": 2}
    answer = channel.ask({"replay": page})
    state = explorer.start.changed("max_entries=333 ttl=77.5s traffic=2")
    assert answer == {"exact": explorer.rounded(explorer.replay(state)), "state": page}
    assert channel.ask({"keep": page})["said"].startswith(f"Kept as {pack.directory}")
    assert "out of range" in channel.ask({"replay": {**page, "cap": 2**64}})["failed"]


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("error", [ZeroDivisionError("line one\nline two"), KeyboardInterrupt()])
def test_whatever_a_replay_ends_in_is_said_in_a_line_and_logged_and_the_next_one_works(monkeypatch, caplog, error):
    def replay(state):
        if state["cap"] == 13:
            raise error
        return {"lost_share": 0.25}

    widget = Live({"start": {}}, replay, keep=replay)
    widget.log.propagate = True
    channel = Channel(widget, monkeypatch)
    failed = channel.ask({"replay": {"cap": 13}})
    assert failed["state"] == {"cap": 13}
    assert failed["failed"].startswith(f"The kernel could not replay this point: {type(error).__name__}: ")
    assert "\n" not in failed["failed"]
    assert "Traceback" in caplog.text
    assert channel.ask({"keep": {"cap": 13}})["said"].startswith("The kernel could not keep this point: ")
    assert channel.ask({"replay": {"cap": 14}}) == {"exact": {"lost_share": 0.25}, "state": {"cap": 14}}
