"""Shows the explorer in a notebook: live where a person watches, else as a figure of the same state."""

from simlib.analysis.explore import Explorer
from simlib.analysis.snapshot import draw, moved_targets, reproduce
from simlib.analysis.state import State
from simlib.core.files import whole_file
from simlib.core.progress import is_watched
from simlib.report.pack import Pack, Shown

NOTE = "Each cell is a store that received the whole stream of the first replication, or of the log."


def show(explorer: Explorer, pack: Pack) -> object:
    """Put the surfaces and the figure of the first state into the pack; return what the notebook is to show."""
    data = explorer.data()
    pack.explore(data)
    drawn = pack.figure(draw(explorer, explorer.start), "explorer", NOTE)
    if not is_watched():
        return Shown(drawn.text, drawn.png, (pack.directory / "explorer.svg").read_text(encoding="utf-8"))
    # Only a notebook in a browser needs widgets.
    from simlib.report.widget import Live

    begins = explorer.start
    return Live(
        data,
        replay=lambda state: explorer.rounded(explorer.replay(begins.moved(state))),
        keep=lambda state: keep(explorer, pack, begins.moved(state)),
    )


def keep(explorer: Explorer, pack: Pack, state: State) -> str:
    """Put a state into the pack, as a figure with its data and as what reproduces it; say where, and how.

    Raises InputError where the map is too small to simulate at that traffic, or the pack cannot be written.
    """
    words = [word.partition("=")[2] for word in state.written().split()]
    targets = [f"{name}-{value}" for name, value in moved_targets(explorer, state).items()]
    name = "-".join(["kept", *words, *targets])
    pack.figures[:] = [each for each in pack.figures if each["name"] != name]
    pack.figure(draw(explorer, state), name, NOTE)
    again = "\n".join(reproduce(explorer, state))
    with whole_file(pack.directory / f"{name}.txt") as file:
        file.write_text(f"{pack.figures[-1]['caption']}\n\n{again}\n", encoding="utf-8")
    pack.close()
    return f"Kept as {pack.directory / name}.svg, .png, .csv and .txt. To have it again:\n{again}"
