"""Runs stores over a trace and keeps what they answered.

Owns nothing of what the answers mean: `ledger` works that out. `Observed` is one store under study, whether it hears
a live simulation or a recorded trace, so both give the same observation.
"""

import numpy as np

from simlib import collector
from simlib.stores import Settings, Store, make_store
from simlib.trace import INCREMENT, Trace


class Observed:
    """A store and its answers: for each operation the count returned, or the count that a delete removed.

    `increment(session, now)` and `delete(session, now)` pass an operation on. They are closures, not methods, because
    a live simulation spends a tenth of its time in this hand-over.
    """

    def __init__(self, design: str, settings: Settings | None = None):
        self.design = design
        self.settings = settings or Settings()
        self.store: Store = make_store(design, settings)
        self._answers: list[int] = []
        answer, store_increment, store_delete = self._answers.append, self.store.increment, self.store.delete

        def increment(session: str, now: int) -> None:
            answer(store_increment(session, now))

        def delete(session: str, now: int) -> None:
            answer(store_delete(session))

        self.increment, self.delete = increment, delete

    @property
    def answers(self) -> np.ndarray:
        """One count for each operation heard so far; int64, (n,)."""
        return np.array(self._answers, dtype=np.int64)

    def hear(self, trace: Trace) -> None:
        """Pass on every operation of a trace, in order."""
        increment, delete = self.store.increment, self.store.delete
        sessions, times = trace.ids[trace.session].tolist(), trace.time.tolist()
        with collector.paused():
            if (trace.op == INCREMENT).all():
                self._answers.extend(map(increment, sessions, times))
            else:
                operations = zip(trace.op.tolist(), sessions, times, strict=True)
                self._answers.extend(
                    [increment(session, now) if op == INCREMENT else delete(session) for op, session, now in operations]
                )


def replay(trace: Trace, design: str = "bounded", settings: Settings | None = None) -> Observed:
    """Run a new store over every operation of a trace of one counter. Raises ValueError for an unknown design."""
    observed = Observed(design, settings)
    observed.hear(trace)
    return observed
