"""Random numbers as a pure function of (seed, stream, session, purpose, draw), the same on every machine.

The generator is counter-based and has no state: any engine may draw any variate, in any order and in any chunk. It uses
integer arithmetic, + - x /, square roots and an exact split of the exponent alone, because the last bit of `libm`'s
logarithm differs between machines and compilers. Each variate has one scalar definition, which NumPy's arrays and
compiled code share.

The mixing function is splitmix64's (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014,
variant 13 of Stafford's finalizers); it maps consecutive integers to values that pass the usual test batteries.
"""

from dataclasses import astuple
from hashlib import blake2b

import numpy as np
from numba import float64, int64, njit, uint64, void

from simlib.core.distributions import LAWS, LONGEST, Distribution

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)

# ln 2 in two parts: the first has so few bits that its product with any exponent of a double is exact.
_LN2_HIGH = float.fromhex("0x1.62e42fee00000p-1")
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
_SQRT_HALF = 0.7071067811865476

_MANTISSA = np.int64((1 << 52) - 1)
_HALF = np.int64(1022 << 52)

_PER_LN2 = 1.4426950408889634

_FARTHEST = 64.0
"""Multiplied by e to this power, a nanosecond is longer than any duration."""


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
    """Compute -ln(u) for u > 0, within 1 unit in the last place below 1, with the same bits on every machine.

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


@njit(error_model="numpy")
def exp(x: float) -> float:
    """Compute e**x for |x| < 700, within 2 units in the last place, with the same bits on every machine.

    x = n ln 2 + r with |r| at most ln(2) / 2, where the power series of e**r is exhausted after the term in r**13.
    """
    n = np.floor(x * _PER_LN2 + 0.5)
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    series = 1.0
    for k in range(13, 0, -1):
        series = series * r / k + 1.0
    return series * np.int64((np.int64(n) + 1023) << 52).view(np.float64)


@njit(error_model="numpy")
def normal(u: float) -> float:
    """Compute the standard normal variate that is at most u of them, to 15 digits, the same on every machine.

    Source: Wichura, Algorithm AS 241: The Percentage Points of the Normal Distribution, Applied Statistics 37, 1988.
    """
    q = u - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        above = 2509.0809287301226727 * r + 33430.575583588128105
        above = ((above * r + 67265.770927008700853) * r + 45921.953931549871457) * r + 13731.693765509461125
        above = ((above * r + 1971.5909503065514427) * r + 133.14166789178437745) * r + 3.387132872796366608
        below = 5226.495278852545925 * r + 28729.085735721942674
        below = ((below * r + 39307.89580009271061) * r + 21213.794301586595867) * r + 5394.1960214247511077
        below = ((below * r + 687.1870074920579083) * r + 42.313330701600911252) * r + 1.0
        return q * above / below
    r = np.sqrt(minus_ln(min(u, 1.0 - u)))
    if r <= 5.0:
        r -= 1.6
        above = 7.7454501427834140764e-4 * r + 0.0227238449892691845833
        above = ((above * r + 0.24178072517745061177) * r + 1.27045825245236838258) * r + 3.64784832476320460504
        above = ((above * r + 5.7694972214606914055) * r + 4.6303378461565452959) * r + 1.42343711074968357734
        below = 1.05075007164441684324e-9 * r + 5.475938084995344946e-4
        below = ((below * r + 0.0151986665636164571966) * r + 0.14810397642748007459) * r + 0.68976733498510000455
        below = ((below * r + 1.6763848301838038494) * r + 2.05319162663775882187) * r + 1.0
    else:
        r -= 5.0
        above = 2.01033439929228813265e-7 * r + 2.71155556874348757815e-5
        above = ((above * r + 0.0012426609473880784386) * r + 0.026532189526576123093) * r + 0.29656057182850489123
        above = ((above * r + 1.7848265399172913358) * r + 5.4637849111641143699) * r + 6.6579046435011037772
        below = 2.04426310338993978564e-15 * r + 1.4215117583164458887e-7
        below = ((below * r + 1.8463183175100546818e-5) * r + 7.868691311456132591e-4) * r + 0.0148753612908506148525
        below = ((below * r + 0.13692988092273580531) * r + 0.59983220655588793769) * r + 1.0
    return -above / below if q < 0 else above / below


@njit(error_model="numpy")
def duration(law: int, low: int, high: int, shape: float, u: float) -> int:
    """Compute a duration in ns by inverse transform of a uniform; `law` is an index of LAWS."""
    if law == 0:
        return low
    if law == 1:
        return low + int64(np.floor(u * (high - low)))
    if law == 2:
        return int64(np.floor(minus_ln(u) * low))
    power = normal(u) * shape if law == 3 else minus_ln(u) / shape
    return int64(min(np.floor(low * exp(min(power, _FARTHEST))), LONGEST))


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


@njit(void(int64, int64, int64, float64, float64[::1], int64[::1]), cache=True)
def _each_duration(law: int, low: int, high: int, shape: float, u: np.ndarray, out: np.ndarray) -> None:
    for at in range(out.size):
        out[at] = duration(law, low, high, shape, u[at])


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
    law, low, high, shape = astuple(distribution)
    _each_duration(LAWS.index(law), low, high, shape, _flat(u), out.ravel())
    return out
