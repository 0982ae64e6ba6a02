"""The explorer as a widget of a notebook: what is off its map, and what it keeps, its kernel answers."""

from collections.abc import Callable, Mapping
from pathlib import Path

import anywidget
from traitlets import Dict

from simlib.core.errors import InputError, escaped

TEMPLATES = Path(__file__).parent / "templates"


class Live(anywidget.AnyWidget):
    """Shows `data` in a notebook, as `explorer.js` does in a page, beginning with its state.

    `replay` receives a state whose point is off the map and returns its values; `keep` receives a state to keep and
    returns a text on that. What they raise is shown in one line, and logged where it is no InputError.
    """

    _esm = (TEMPLATES / "explorer.js").read_text(encoding="utf-8")
    _css = (TEMPLATES / "explorer.css").read_text(encoding="utf-8")
    data = Dict().tag(sync=True)
    state = Dict().tag(sync=True)

    def __init__(self, data: dict, replay: Callable[[dict], Mapping], keep: Callable[[dict], str]):
        super().__init__(data=data, state=data["start"])
        self.replay, self.keep = replay, keep
        self.on_msg(self._answer)

    def _answer(self, widget: object, message: dict, buffers: object) -> None:
        ((asked, state),) = message.items()
        try:
            answer = {"exact": self.replay(state)} if asked == "replay" else {"said": self.keep(state)}
        except (Exception, KeyboardInterrupt) as error:
            # Whatever it is, a person waits for an answer.
            text = str(error)
            if not isinstance(error, InputError):
                self.log.exception("The explorer's kernel could not %s %s", asked, state)
                text = escaped(f"The kernel could not {asked} this point: {type(error).__name__}: {text}")
            answer = {"failed" if asked == "replay" else "said": text}
        self.send({**answer, "state": state})
