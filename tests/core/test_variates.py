"""The random numbers: a pure function, the same everywhere, and as random as they must be."""

import math
import struct
from decimal import Decimal, localcontext
from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from simlib.core import variates
from simlib.core.distributions import LONGEST, Distribution

MASK = 2**64 - 1
CELL = 2.0**-52
uniforms = st.integers(0, 2**52 - 1).map(lambda cell: (cell + 0.5) * CELL)


def scalar_bits(seed, stream, session, purpose, draw):
    """The generator written again with Python's integers, from its description."""

    def at(key, number):
        x = (key + (number + 1) * 0x9E3779B97F4A7C15) & MASK
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
        return x ^ (x >> 31)

    (key,) = struct.unpack("<Q", blake2b(f"{seed}:{stream}".encode(), digest_size=8).digest())
    return at(at(at(key, session), purpose), draw)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(-5, 2**70), st.text(max_size=5), st.integers(0, 2**62), st.integers(0, 20), st.integers(0, 2**62))
def test_bits_are_those_of_the_description(seed, stream, session, purpose, draw):
    keys = variates.session_keys(variates.stream_key(seed, stream), np.array([session], dtype=np.uint64))
    assert variates.bits(keys, purpose, draw).tolist() == [scalar_bits(seed, stream, session, purpose, draw)]


def test_the_mixer_is_splitmix64():
    # The first outputs of the published splitmix64 from state 1234567 (Vigna, splitmix64.c).
    key = np.array([1234567], dtype=np.uint64)
    assert [int(variates._at(key, n)[0]) for n in range(3)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


def test_draws_do_not_depend_on_order_or_company():
    stream = variates.stream_key(1, "a")
    together = variates.uniform(variates.session_keys(stream, np.arange(50))[:, None], 3, np.arange(20))
    for session in (49, 0, 17):
        for draw in (19, 0, 7):
            alone = variates.uniform(variates.session_keys(stream, np.array([session])), 3, draw)
            assert alone[0] == together[session, draw]


@settings(max_examples=500, deadline=None, derandomize=True)
@given(uniforms)
def test_the_logarithm_is_right_to_a_unit_in_the_last_place(u):
    with localcontext(prec=50):
        exact = -Decimal(u).ln()
        error = abs(Decimal(float(variates.minus_log(np.array([u]))[0])) - exact)
        assert error <= Decimal(math.ulp(float(exact)))


@settings(max_examples=500, deadline=None, derandomize=True)
@given(uniforms)
def test_the_logarithm_is_the_same_from_scalar_arithmetic(u):
    m, e = math.frexp(u)
    if m < 0.7071067811865476:
        m, e = m + m, e - 1
    f = m - 1.0
    s = f / (m + 1.0)
    z = s * s
    series = 1.0 / 21.0
    for odd in range(19, 1, -2):
        series = series * z + 1.0 / odd
    log_m = f - s * (f - 2.0 * z * series)
    high, low = float.fromhex("0x1.62e42fee00000p-1"), float.fromhex("0x1.a39ef35793c76p-33")
    assert -(e * high + (log_m + e * low)) == variates.minus_log(np.array([u]))[0]


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.floats(-700, 700))
def test_the_exponential_is_right_to_two_units_in_the_last_place(x):
    with localcontext(prec=50):
        exact = Decimal(x).exp()
        assert abs(Decimal(variates.exp(x)) - exact) <= 2 * Decimal(math.ulp(float(exact)))


@settings(max_examples=500, deadline=None, derandomize=True)
@given(uniforms)
def test_normal_variates_are_those_of_another_library(u):
    assert variates.normal(u) == pytest.approx(stats.norm.ppf(u), rel=2e-15, abs=1e-15)


def test_uniforms_lie_strictly_inside():
    # The extreme cells: their midpoints must not round to 0 or 1.
    cells = np.array([0, 2**52 - 1], dtype=np.uint64)
    low, high = (cells.astype(np.float64) + 0.5) * CELL
    assert 0 < low < high < 1
    assert np.isfinite(variates.minus_log(np.array([low, high]))).all()


GRIDS = {
    "over sessions": lambda key: variates.uniform(variates.session_keys(key, np.arange(100_000)), 3, 0),
    "over draws": lambda key: variates.uniform(variates.session_keys(key, np.array([7])), 3, np.arange(100_000)),
    "over purposes": lambda key: variates.uniform(
        variates.session_keys(key, np.arange(10_000))[:, None], np.arange(10), 0
    ).ravel(),
    "over seeds": lambda key: np.concatenate(
        [variates.uniform(variates.stream_key(seed, "s"), 0, np.arange(10)) for seed in range(2_000)]
    ),
}


@pytest.mark.parametrize("along", GRIDS)
def test_uniforms_are_uniform_and_neighbours_unrelated(along):
    u = GRIDS[along](variates.stream_key(1, "s"))
    counts, _ = np.histogram(u, bins=100, range=(0, 1))
    assert stats.chisquare(counts).pvalue > 0.001
    pairs, _, _ = np.histogram2d(u[:-1:2], u[1::2], bins=10, range=[[0, 1], [0, 1]])
    assert stats.chisquare(pairs.ravel()).pvalue > 0.001
    assert abs(np.corrcoef(u[:-1], u[1:])[0, 1]) < 4 / math.sqrt(u.size)


@pytest.mark.parametrize(
    ("text", "mean", "low", "high"),
    [
        ("fixed 3s", 3e9, 3e9, 3e9),
        ("uniform 1s 5s", 3e9, 1e9, 5e9),
        ("exponential 3s", 3e9, 0, 3e9 * 37),
    ],
)
def test_durations_follow_their_law(text, mean, low, high):
    law = Distribution.parse(text)
    u = variates.uniform(variates.session_keys(variates.stream_key(1, "d"), np.arange(200_000)), 0, 0)
    drawn = variates.durations(law, u)
    assert law.mean == mean
    assert drawn.dtype == np.int64
    assert low <= drawn.min() <= drawn.max() <= high
    assert drawn.mean() == pytest.approx(mean, rel=0.01)
    if law.law == "exponential":
        assert stats.kstest(drawn / 3e9, "expon").pvalue > 0.001


@pytest.mark.parametrize(
    ("text", "theory"),
    [
        ("lognormal 3s 1.5", stats.lognorm(1.5, scale=3e9)),
        ("lognormal 1h 0.3", stats.lognorm(0.3, scale=3.6e12)),
        ("pareto 3s 1.5", stats.pareto(1.5, scale=3e9)),
        ("pareto 1s 3", stats.pareto(3, scale=1e9)),
    ],
)
def test_heavy_tails_follow_their_law(text, theory):
    u = variates.uniform(variates.session_keys(variates.stream_key(1, "d"), np.arange(200_000)), 0, 0)
    drawn = variates.durations(Distribution.parse(text), u)
    assert stats.kstest(drawn, theory.cdf).pvalue > 0.001
    for share in (0.01, 0.0001):
        # The tail itself: as many lie beyond a far quantile as should, within four standard errors.
        beyond, expected = (drawn > theory.isf(share)).sum(), share * drawn.size
        assert abs(beyond - expected) < 4 * math.sqrt(expected)


def test_the_heaviest_tail_is_cut_at_the_longest_duration():
    u = np.array([2.0**-53, 0.5, 1 - 2.0**-53])
    assert variates.durations(Distribution.parse("pareto 1s 0.1"), u).tolist()[0] == LONGEST
    assert variates.durations(Distribution.parse("lognormal 366d 5"), u).tolist()[1:] == [LONGEST, LONGEST]
    assert variates.durations(Distribution.parse("lognormal 0s 5"), u).tolist() == [0, 0, 0]
