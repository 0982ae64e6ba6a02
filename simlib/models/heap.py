"""Go bytes from entries: the live heap of the maps, and the resident memory of the process over it.

The bytes of a map are those of its entries and of its table, which follow from Go's memory layout. The few factors are
fitted to measurements of the Go program and kept in `data/calibration/heap.json` (`make calibrate`).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pandas as pd
from scipy.special import bdtrc, gammaln

from simlib.core.places import CALIBRATION
from simlib.stores.registry import INCIDENT, find_design
from simlib.workloads.entry import KEY_LENGTH

MIB = 1 << 20

GO_VERSIONS = ("1.23", "1.24", "1.27")
"""The versions that were measured: before and after `sync.Map` and `map` changed in 1.24, and the newest."""

HIGH_VOLUME = "high_volume"
"""The broadcaster's third map, `highVolumeCounters`: a `map[string]int` under a mutex, without a bound."""

MAPS = (*INCIDENT, HIGH_VOLUME)
"""The Go maps that were measured: those of the incident's two designs, and the third map."""

# Go 1.23 to 1.27, runtime: the sizes in which small objects are allocated (sizeclasses.go).
# fmt: off
_SIZES = np.array([
    8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320, 352, 384, 416, 448, 480,
    512, 576, 640, 704, 768, 896, 1024, 1152, 1280, 1408, 1536, 1792, 2048, 2304, 2688, 3072, 3200, 3456, 4096, 4864,
    5120, 5376, 6144, 6528, 6784, 6912, 8192, 9472, 9728, 10240, 10880, 12288, 13568, 14336, 16384, 18432, 19072, 20480,
    21760, 24576, 27264, 28672, 32768,
])
# fmt: on
_PAGE = 8192

_SLOT = 16 + 8
"""Bytes of a slot of either table: a string's header, or an interface, and a pointer."""


def allocated(size: np.ndarray) -> np.ndarray:
    """Return the bytes that Go's allocator takes for objects of the given bytes; float64, same shape.

    Objects below 16 bytes are packed several to a block, so they take their own size.
    """
    size = np.asarray(size, dtype=np.float64)
    small = _SIZES[np.minimum(np.searchsorted(_SIZES, size), _SIZES.size - 1)]
    large = np.where(size <= _SIZES[-1], small, np.ceil(size / _PAGE) * _PAGE)
    return np.where(size < 16, size, large)


def _buckets(peak: np.ndarray, entries: np.ndarray, deleted: bool, writes: bool) -> np.ndarray:
    """Return the bytes of the table of a `map` up to Go 1.23 (runtime/map.go): 2^B buckets of 8, full at 6.5.

    Every sixteenth bucket more is set aside for overflow. The table doubles and moves the old buckets over, two a
    write, of which the one that the key falls into may have moved already: so they are kept for ln 2 writes a bucket.
    Deletes are such `writes` to a `map`, but not to the one inside a `sync.Map`.
    """
    power = np.where(peak > 8, np.ceil(np.log2(np.maximum(peak, 1) / 6.5)), 0).clip(min=0)
    begins = np.maximum(6.5 * 2 ** (power - 1), 8)
    moving = (power > 0) & (peak <= begins + np.log(2) * 2 ** (power - 1))
    old = _bucket_array(power - 1, begins) if not (deleted and writes) else 0.0
    return _bucket_array(power, peak) + np.where(moving, old, 0.0)


def _bucket_array(power: np.ndarray, entries: np.ndarray) -> np.ndarray:
    buckets, size = 2.0 ** np.maximum(power, 0), 8 + 8 * _SLOT + 8
    bytes_ = allocated((buckets + np.where(power >= 4, 2.0 ** (power - 4), 0)) * size)
    set_aside = np.floor(bytes_ / size) - buckets
    # Chains: a bucket that got m entries needs m / 8 rounded up; m is Poisson by the hash.
    m, filling = np.arange(9, 65), (entries / buckets)[..., None]
    chance = np.exp(m * np.log(np.maximum(filling, 1e-12)) - filling - gammaln(m + 1))
    chained = buckets * (chance * np.ceil((m - 8) / 8)).sum(axis=-1)
    # A single bucket is never overfull: it is the ninth entry that doubles it.
    return bytes_ + np.where(power > 0, np.maximum(chained - set_aside, 0), 0) * size


def _groups(peak: np.ndarray, entries: np.ndarray, deleted: bool, writes: bool) -> np.ndarray:
    """Return the bytes of the tables of a `map` since Go 1.24 (internal/runtime/maps): groups of 8 slots, full at 7/8.

    A table doubles up to 1 024 slots and then splits in two by a bit of the hash, so the number of tables is one more
    than the expected number of prefixes under which more than 896 entries fall.
    """
    slots = np.where(peak > 8, 2 ** np.ceil(np.log2(np.maximum(peak, 1) * 8 / 7)), 8)
    tables = np.ones_like(peak)
    for depth in range(40):
        prefixes = 2.0**depth
        if depth > 1 and (peak / prefixes < 400).all():
            break
        more = bdtrc(896, np.maximum(np.floor(peak), 897).astype(int), 1 / prefixes)
        tables += prefixes * np.where(peak > 896, more if depth else 1.0, 0)
    return np.where(peak <= 896, allocated(slots / 8 * (8 + 8 * _SLOT)), tables * allocated(1024 / 8 * (8 + 8 * _SLOT)))


def _trie(peak: np.ndarray, entries: np.ndarray, deleted: bool, writes: bool) -> np.ndarray:
    """Return the bytes of the inner nodes of a `sync.Map` since Go 1.24 (internal/sync/hashtriemap.go).

    Each has 16 children. A node stands where two keys shared a prefix, and goes once it is empty.
    """
    kept = np.where(peak > 0, entries / np.maximum(peak, 1), 0)
    nodes = np.ones_like(peak)
    for level in range(1, 16):
        prefixes = 16.0**level
        some = -np.expm1(peak * np.log1p(-kept / prefixes))
        just_one = peak * kept / prefixes * np.exp((peak - 1) * np.log1p(-1 / prefixes))
        nodes += prefixes * np.maximum(some - just_one, 0)
        if (peak < prefixes / 1e4).all():
            break
    return nodes * 160.0


_TABLES: dict[tuple[str, str], Callable] = {
    ("sync.Map", "1.23"): _buckets,
    ("map", "1.23"): _buckets,
    ("sync.Map", "1.24"): _trie,
    ("map", "1.24"): _groups,
    ("sync.Map", "1.27"): _trie,
    ("map", "1.27"): _groups,
}


def _go_map(design: str) -> str:
    """Return the Go map that a design or the third map stands on. Raises InputError for an unknown design."""
    return "map" if design == HIGH_VOLUME else find_design(design).go_map


def table_bytes(design: str, go_version: str, peak: np.ndarray, entries: np.ndarray, deleted: bool) -> np.ndarray:
    """Return the bytes of a map's table alone after it held `peak` entries and, if `deleted`, lost some of them.

    By Go's layout. Arrays of one shape; float64.
    """
    peak, entries = (np.asarray(each, dtype=np.float64) for each in (peak, entries))
    go_map = _go_map(design)
    return _TABLES[go_map, go_version](peak, entries, deleted, go_map == "map")


@dataclass(frozen=True)
class HeapModel:
    """Live heap bytes of one map on one Go version.

    `per_live` bytes an entry, `per_dead` left by a deleted one, a factor `scale` on its table, and `constant` bytes of
    the empty map. `worst_error`, a share, is the largest at the sizes held back from the fit.
    """

    design: str
    go_version: str
    per_live: float
    per_dead: float
    scale: float
    constant: float
    worst_error: float

    def live_bytes(
        self, entries: np.ndarray, peak: np.ndarray | None = None, key_length: float = KEY_LENGTH
    ) -> np.ndarray:
        """Return the live bytes of the map with `entries` after a `peak` (None: it never shrank); float64.

        The factors are fitted to keys of KEY_LENGTH bytes.
        """
        entries = np.asarray(entries, dtype=np.float64)
        deleted = peak is not None
        peak = np.maximum(entries if peak is None else np.asarray(peak, dtype=np.float64), entries)
        key = float(allocated(key_length) - allocated(KEY_LENGTH))
        # A deleted entry that leaves something behind leaves its key.
        dead = self.per_dead + (key if self.per_dead > allocated(KEY_LENGTH) / 2 else 0)
        table = table_bytes(self.design, self.go_version, peak, entries, deleted)
        return (self.per_live + key) * entries + dead * (peak - entries) + self.scale * table + self.constant


@cache
def _calibrated() -> dict:
    return json.loads((CALIBRATION / "heap.json").read_text(encoding="utf-8"))


@cache
def designs_measured() -> pd.DataFrame:
    """Return what was measured of each design that has a Go version, a row a measurement (`calibration.designs`)."""
    return pd.read_csv(CALIBRATION / "designs.csv")


@cache
def heap_model(design: str, go_version: str) -> HeapModel:
    """Return the model of the live heap of a design, or of the third map.

    One of MAPS has its own. A design with a Go version has that of the incident's design on the same Go map, and for
    each entry the bytes more that were measured: means over the two sizes, on the newest Go, as the shape of an entry
    is the same on all. Any other design has that of the incident's design on the Go map it would stand on.

    Raises ValueError for a Go version that was not measured, and InputError for an unknown design.
    """
    go_map = _go_map(design)
    fitted = design if design in MAPS else next(name for name in INCIDENT if _go_map(name) == go_map)
    if go_version not in GO_VERSIONS:
        raise ValueError(f"Go {go_version!r} was not measured: choose one of {', '.join(GO_VERSIONS)}")
    model = HeapModel(
        **next(row for row in _calibrated()["models"] if (row["design"], row["go_version"]) == (fitted, go_version))
    )
    entry = designs_measured().groupby("design")["heap_bytes_entry"].mean()
    if design == fitted or design not in entry:
        return model
    return replace(model, per_live=model.per_live + float(entry[design] - entry[fitted]))


def resident_per_live() -> float:
    """Return resident memory over live heap at GOGC=100, as measured when a limit was reached.

    The collector lets the heap grow to twice what was live before it runs, so resident memory lies between the live
    heap and about twice that, the nearer to twice the more short-lived memory the process uses.
    """
    return _calibrated()["resident_per_live"]


SPREAD = 0.1
"""The share by which resident memory may differ from what is modelled; `06_validation` holds the model to it."""


def churned(go_version: str) -> float:
    """Return the largest measured live heap of a `map` held at a size through many new keys, over one just grown to it.

    Deletes leave marks in a table (up to 1.24 it grows for them), so a full bounded store may take this much more.
    """
    return _calibrated()["churned"][go_version]
