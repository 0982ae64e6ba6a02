"""The members of a returning population, whose visits follow Zipf's law. Vectorised and compiled, by one definition."""

import numpy as np
from numba import float64, int64, njit, void

from simlib.core.variates import exp, minus_ln
from simlib.workloads.kinds import Population


@njit(void(float64, float64[::1]), cache=True)
def _add_up(zipf: float, shares: np.ndarray) -> None:
    total = 0.0
    for place in range(shares.size):
        total += exp(zipf * minus_ln(float64(place + 1)))
        shares[place] = total


def popularity(population: Population | None) -> np.ndarray:
    """Return the shares of the members up to each rank, not yet divided by their sum; float64, (members,)."""
    shares = np.empty(population.members if population else 0)
    if population:
        _add_up(population.zipf, shares)
    return shares


@njit
def member(shares: np.ndarray, first: int, members: int, u: float) -> int:
    """Choose a member, from 0, by a uniform; its shares stand in `shares` from `first` on. O(log members)."""
    low, high, wanted = first, first + members - 1, u * shares[first + members - 1]
    while low < high:
        middle = (low + high) // 2
        if shares[middle] <= wanted:
            low = middle + 1
        else:
            high = middle
    return low - first


@njit(void(float64[::1], float64[::1], int64[::1]), cache=True)
def _each_member(shares: np.ndarray, u: np.ndarray, out: np.ndarray) -> None:
    for at in range(out.size):
        out[at] = member(shares, 0, shares.size, u[at])


def members(shares: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Choose members, from 0, by uniforms; int64, (n,)."""
    out = np.empty(u.size, np.int64)
    _each_member(shares, np.ascontiguousarray(u), out)
    return out
