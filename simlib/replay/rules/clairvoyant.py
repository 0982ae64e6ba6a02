"""The compiled rule of `stores.clairvoyant`: the rows of the entries' next increments are bits, in a tree of words."""

import numpy as np
from numba import njit, uint64

from simlib.replay.rules import SIGNATURE
from simlib.traces.codes import INCREMENT

LEVELS = 11
"""Levels of a tree of 64-bit words over as many rows as 64 bits number."""


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
    """Apply a whole trace; for the columns see `rules`. O(log n / 6) a row.

    A bit of the lowest level is set where the row is the next increment of an entry, one of a higher level where the
    word below it has any set: so the farthest is found from the top. The dead stand in a queue of their last rows. It
    is one long function because a call that passes an array costs more than all else that a row needs.
    """
    n, one = time.size, uint64(1)
    begins = np.zeros(LEVELS + 1, np.int64)
    levels, words = 0, n
    while levels == 0 or words > 1:
        words = (words + 63) >> 6
        begins[levels + 1] = begins[levels] + words
        levels += 1
    tree = np.zeros(begins[levels], np.uint64)
    dead, first_dead, end_dead = np.empty(n, np.int64), 0, 0
    last, last_row = np.zeros(counts.size, np.int64), np.full(counts.size, -1)
    size, increments, creates, gone = 0, 0, 0, 0
    for row in range(n):
        who = session[row]
        if op[row] != INCREMENT:
            # Only the dead are deleted: they have no bit, and their place in the queue is passed over.
            if counts[who] > 0:
                answers[row] = counts[who]
                counts[who], last_row[who] = 0, -1
                size -= 1
            continue
        increments += 1
        clear = row
        if counts[who] == 0:
            created[creates] = increments
            creates += 1
            size += 1
            clear = -1
        counts[who] += 1
        answers[row], last[who], last_row[who] = counts[who], increments, row
        if max_entries <= 0:
            continue
        at = future[row]
        if at == n:
            dead[end_dead] = row
            end_dead += 1
        else:
            for level in range(levels):
                word = begins[level] + (at >> 6)
                was = tree[word]
                tree[word] = was | one << uint64(at & 63)
                if was:
                    break
                at >>= 6
        out = -1
        if size > max_entries:
            while first_dead < end_dead and last_row[session[dead[first_dead]]] != dead[first_dead]:
                first_dead += 1
            if first_dead < end_dead:
                out = session[dead[first_dead]]
                first_dead += 1
            else:
                at = 0
                for level in range(levels - 1, -1, -1):
                    bits = tree[begins[level] + at]
                    at <<= 6
                    for half in (32, 16, 8, 4, 2, 1):
                        if bits >> uint64(half):
                            bits >>= uint64(half)
                            at += half
                out, clear = session[at], at
            evicted[gone, 0], evicted[gone, 1] = increments, 1
            evicted[gone, 2], evicted[gone, 3] = last[out], counts[out]
            gone += 1
            counts[out], last_row[out] = 0, -1
            size -= 1
        if clear >= 0:
            at = clear
            for level in range(levels):
                word = begins[level] + (at >> 6)
                tree[word] &= ~(one << uint64(at & 63))
                if tree[word]:
                    break
                at >>= 6
    return creates, 0, 0, gone
