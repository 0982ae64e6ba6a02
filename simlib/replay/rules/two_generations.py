"""The compiled rule of `stores.two_generations`: a generation is a stretch of one array of places."""

import numpy as np
from numba import njit

from simlib.replay.rules import SIGNATURE
from simlib.traces.codes import INCREMENT

NEVER = np.iinfo(np.int64).max


@njit(SIGNATURE, cache=True, nogil=True)
def advance(
    time: np.ndarray,
    session: np.ndarray,
    op: np.ndarray,
    future: np.ndarray,
    max_entries: int,
    ttl: int,
    prune_every: int,
    answers: np.ndarray,
    created: np.ndarray,
    shared: np.ndarray,
    prunes: np.ndarray,
    evicted: np.ndarray,
    counts: np.ndarray,
) -> tuple[int, int, int, int]:
    """Apply a whole trace; for the columns see `rules`. O(1) a row, amortised.

    A session that comes into the current map takes the next place. Its entry is where `place` says; places it had
    before are empty. The previous map holds the places from `begins` on, the current one those from `middle` on.
    It is one long function because a call that passes an array costs more than all else that a row needs.
    """
    half = max(max_entries // 2, 1) if max_entries > 0 else NEVER
    period = ttl // 2 if ttl > 0 else NEVER
    place, last = np.full(counts.size, -1), np.zeros(counts.size, np.int64)
    taken = np.empty(time.size, np.int64)
    begins = middle = end = in_current = 0
    increments = creates = gone = 0
    since, started = 0, False
    for row in range(time.size):
        who = session[row]
        if op[row] != INCREMENT:
            if counts[who] > 0:
                answers[row] = counts[who]
                in_current -= place[who] >= middle
                counts[who], place[who] = 0, -1
            continue
        now = time[row]
        increments += 1
        if not started:
            since, started = now, True
        age = now - since
        rotations, by_cap = int(age > period) + int(age - period > period), 0
        moving = False
        while True:
            for _ in range(rotations):
                for at in range(begins, middle):
                    out = taken[at]
                    if place[out] == at:
                        evicted[gone, 0], evicted[gone, 1] = increments, by_cap
                        evicted[gone, 2], evicted[gone, 3] = last[out], counts[out]
                        gone += 1
                        counts[out], place[out] = 0, -1
                begins, middle, since, in_current = middle, end, now, 0
            if moving or place[who] >= middle:
                break
            # Its own entry is out of the maps before they change places.
            place[who], moving = -1, True
            rotations, by_cap = int(in_current >= half), 1
        if moving:
            if counts[who] == 0:
                created[creates] = increments
                creates += 1
            place[who], taken[end] = end, who
            end += 1
            in_current += 1
        counts[who] += 1
        last[who], answers[row] = increments, counts[who]
    return creates, 0, 0, gone
