"""Random numbers as a pure function of (seed, stream, session, purpose, draw), the same on every machine.

Owns the counter-based generator, its uniforms, and the logarithm behind its exponentials. There is no state: any
engine may draw any variate, in any order and in any chunk. Only integer arithmetic, + - x / and an exact split of the
exponent are used, because `libm`'s logarithm differs in the last bit between machines and compilers.

The mixing function is splitmix64's (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014,
variant 13 of Stafford's finalizers); it maps consecutive integers to values that pass the usual test batteries.
Next: `plan` turns variates into the scripts of sessions.
"""

from hashlib import blake2b

import numpy as np

from simlib.workload import Distribution

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)

# ln 2 in two parts: the first has so few bits that its product with any exponent of a double is exact.
_LN2_HIGH = float.fromhex("0x1.62e42fee00000p-1")
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
_SQRT_HALF = 0.7071067811865476


def mix(x: np.ndarray) -> np.ndarray:
    """splitmix64's finalizer, elementwise on uint64: a bijection of 64-bit integers."""
    x = (x ^ (x >> np.uint64(30))) * _MIX_1
    x = (x ^ (x >> np.uint64(27))) * _MIX_2
    return x ^ (x >> np.uint64(31))


def _at(key: np.ndarray, number: np.ndarray | int) -> np.ndarray:
    """The value at place `number` (0, 1, …) of the splitmix64 sequence that starts from `key`; they broadcast."""
    return mix(key + (np.atleast_1d(number).astype(np.uint64) + np.uint64(1)) * _GOLDEN)


def stream_key(seed: int, stream: str) -> np.ndarray:
    """The key, uint64 of shape (1,), of a named stream under a seed; names keep their draws when others come and go."""
    return np.frombuffer(blake2b(f"{seed}:{stream}".encode(), digest_size=8).digest(), dtype="<u8").astype(np.uint64)


def session_keys(stream: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """The keys, uint64, of sessions `numbers` of a stream."""
    return _at(stream, numbers)


def bits(keys: np.ndarray, purpose: int, draw: np.ndarray | int) -> np.ndarray:
    """64 random bits, uint64, for each session key, one purpose and a draw number; they broadcast."""
    return _at(_at(keys, purpose), draw)


def uniform(keys: np.ndarray, purpose: int, draw: np.ndarray | int) -> np.ndarray:
    """Uniforms strictly between 0 and 1: the midpoints of 2**52 equal cells, each exact in float64."""
    return ((bits(keys, purpose, draw) >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def minus_log(u: np.ndarray) -> np.ndarray:
    """-ln(u) for 0 < u < 1, within 1 unit in the last place, the same bits everywhere.

    u = m 2**e with m between sqrt(1/2) and sqrt(2); ln m = 2 artanh(s), s = (m - 1) / (m + 1), by its power series,
    which at |s| < 0.172 is exhausted after the term in s**21.
    """
    m, e = np.frexp(u)
    low = m < _SQRT_HALF
    m = np.where(low, m + m, m)
    e = (e - low).astype(np.float64)
    f = m - 1.0
    s = f / (m + 1.0)
    z = s * s
    series = np.full_like(s, 1.0 / 21.0)
    for odd in range(19, 1, -2):
        series = series * z + 1.0 / odd
    # ln m = 2 s (1 + z series), and 2 s = f - s f exactly in real numbers: adding f last loses the least.
    log_m = f - s * (f - 2.0 * z * series)
    return -(e * _LN2_HIGH + (log_m + e * _LN2_LOW))


def durations(distribution: Distribution, u: np.ndarray) -> np.ndarray:
    """Durations in ns, int64, of a distribution by inverse transform of uniforms."""
    low, high = distribution.low, distribution.high
    if distribution.law == "fixed":
        return np.full(u.shape, low, dtype=np.int64)
    if distribution.law == "uniform":
        return low + np.floor(u * (high - low)).astype(np.int64)
    return np.floor(minus_log(u) * low).astype(np.int64)
