"""Random numbers as a pure function of (seed, stream, session, purpose, draw), the same on every machine.

The generator is counter-based and has no state: any engine may draw any variate, in any order and in any chunk. It uses
integer arithmetic, + - x / and an exact split of the exponent alone, because the last bit of `libm`'s logarithm differs
between machines and compilers. Each variate has one scalar definition, which NumPy's arrays and compiled code share.

The mixing function is splitmix64's (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014,
variant 13 of Stafford's finalizers); it maps consecutive integers to values that pass the usual test batteries.
"""

from hashlib import blake2b

import numpy as np
from numba import float64, int64, njit, uint64, void

from simlib.core.distributions import Distribution

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)

# ln 2 in two parts: the first has so few bits that its product with any exponent of a double is exact.
_LN2_HIGH = float.fromhex("0x1.62e42fee00000p-1")
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
_SQRT_HALF = 0.7071067811865476

_MANTISSA = np.int64((1 << 52) - 1)
_HALF = np.int64(1022 << 52)

LAWS = ("fixed", "uniform", "exponential")
"""The laws of durations; compiled code knows each by its index."""


@njit
def mixed(x: np.uint64) -> np.uint64:
    """Mix 64 bits by splitmix64's finalizer, a bijection."""
    x = (x ^ (x >> uint64(30))) * _MIX_1
    x = (x ^ (x >> uint64(27))) * _MIX_2
    return x ^ (x >> uint64(31))


@njit
def drawn(key: np.uint64, number: np.uint64) -> np.uint64:
    """Return value `number` (0, 1, …) of the splitmix64 sequence that starts from `key`."""
    return mixed(key + (number + uint64(1)) * _GOLDEN)


@njit
def unit(bits: np.uint64) -> float:
    """Turn 64 bits into a uniform strictly between 0 and 1: the midpoint of one of 2**52 cells, exact in float64."""
    return (float64(int64(bits >> uint64(12))) + 0.5) * 2.0**-52


@njit(error_model="numpy")
def minus_ln(u: float) -> float:
    """Compute -ln(u) for 0 < u < 1, within 1 unit in the last place, with the same bits on every machine.

    u = m 2**e with m between sqrt(1/2) and sqrt(2); ln m = 2 artanh(s), s = (m - 1) / (m + 1), by its power series,
    which at |s| < 0.172 is exhausted after the term in s**21.
    """
    bits = np.float64(u).view(np.int64)
    m, e = np.int64((bits & _MANTISSA) | _HALF).view(np.float64), (bits >> 52) - 1022
    low = m < _SQRT_HALF
    m += m if low else 0.0
    e -= 1 if low else 0
    f = m - 1.0
    s = f / (m + 1.0)
    z = s * s
    # Written out, so that compilers can do several at once.
    series = 1.0 / 21.0 * z + 1.0 / 19.0
    series = series * z + 1.0 / 17.0
    series = series * z + 1.0 / 15.0
    series = series * z + 1.0 / 13.0
    series = series * z + 1.0 / 11.0
    series = series * z + 1.0 / 9.0
    series = series * z + 1.0 / 7.0
    series = series * z + 1.0 / 5.0
    series = series * z + 1.0 / 3.0
    # ln m = 2 s (1 + z series), and 2 s = f - s f exactly in real numbers: adding f last loses the least.
    log_m = f - s * (f - 2.0 * z * series)
    return -(e * _LN2_HIGH + (log_m + e * _LN2_LOW))


@njit
def duration(law: int, low: int, high: int, u: float) -> int:
    """Compute a duration in ns by inverse transform of a uniform; `law` is an index of LAWS."""
    if law == 0:
        return low
    if law == 1:
        return low + int64(np.floor(u * (high - low)))
    return int64(np.floor(minus_ln(u) * low))


@njit(void(uint64[::1], uint64[::1], uint64[::1]), cache=True)
def _each_drawn(key: np.ndarray, number: np.ndarray, out: np.ndarray) -> None:
    for at in range(out.size):
        out[at] = drawn(key[at], number[at])


@njit(void(uint64[::1], float64[::1]), cache=True)
def _each_unit(bits: np.ndarray, out: np.ndarray) -> None:
    for at in range(out.size):
        out[at] = unit(bits[at])


@njit(void(float64[::1], float64[::1]), cache=True)
def _each_minus_ln(u: np.ndarray, out: np.ndarray) -> None:
    for at in range(out.size):
        out[at] = minus_ln(u[at])


@njit(void(int64, int64, int64, float64[::1], int64[::1]), cache=True)
def _each_duration(law: int, low: int, high: int, u: np.ndarray, out: np.ndarray) -> None:
    for at in range(out.size):
        out[at] = duration(law, low, high, u[at])


def _flat(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values).ravel()


def _at(key: np.ndarray, number: np.ndarray | int) -> np.ndarray:
    """Apply `drawn` elementwise; the arguments broadcast."""
    key, number = np.broadcast_arrays(key, np.atleast_1d(number).astype(np.uint64))
    out = np.empty(key.shape, np.uint64)
    _each_drawn(_flat(key), _flat(number), out.ravel())
    return out


def stream_key(seed: int, stream: str) -> np.ndarray:
    """Return the key, uint64 of shape (1,), of a stream; its draws depend on the seed and its own name alone."""
    return np.frombuffer(blake2b(f"{seed}:{stream}".encode(), digest_size=8).digest(), dtype="<u8").astype(np.uint64)


def session_keys(stream: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Return the keys, uint64, of sessions `numbers` of a stream."""
    return _at(stream, numbers)


def bits(keys: np.ndarray, purpose: int, draw: np.ndarray | int) -> np.ndarray:
    """Draw 64 random bits, uint64, for session keys, a purpose and draw numbers; the arguments broadcast."""
    return _at(_at(keys, purpose), draw)


def uniform(keys: np.ndarray, purpose: int, draw: np.ndarray | int) -> np.ndarray:
    """Draw uniforms, float64, strictly between 0 and 1; arguments as of `bits`."""
    drawn_bits = bits(keys, purpose, draw)
    out = np.empty(drawn_bits.shape)
    _each_unit(drawn_bits.ravel(), out.ravel())
    return out


def minus_log(u: np.ndarray) -> np.ndarray:
    """Apply `minus_ln` elementwise; float64."""
    out = np.empty(u.shape)
    _each_minus_ln(_flat(u), out.ravel())
    return out


def durations(distribution: Distribution, u: np.ndarray) -> np.ndarray:
    """Compute durations in ns, int64, of a distribution by inverse transform of uniforms."""
    out = np.empty(u.shape, np.int64)
    _each_duration(LAWS.index(distribution.law), distribution.low, distribution.high, _flat(u), out.ravel())
    return out
