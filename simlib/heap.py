"""Go bytes from entries: what the two maps hold on the heap, what the process takes, and when a limit is reached.

Owns the one table of bytes per entry and the step from live heap to resident memory. Next: `figures` draws it.
"""

from dataclasses import dataclass

import numpy as np

MIB = 1 << 20

GO_VERSIONS = ("1.23", "1.27")

RESIDENT_PER_LIVE = 2.0
"""With GOGC=100 the collector lets the heap grow to twice what was live before it runs: resident memory follows."""


@dataclass(frozen=True)
class BytesPerEntry:
    """Live heap bytes per entry of a Go map with keys of 37 bytes: the range measured from 10^3 to 10^6 entries."""

    low: float
    high: float

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2

    def sizes(self) -> dict[str, float]:
        """The range by name: `low`, `middle` and `high`."""
        return {"low": self.low, "middle": self.middle, "high": self.high}


# Measured for this project's design ("Models of the real thing"). `sync.Map` became a hash trie in Go 1.24, so the
# figures of 1.27 stand for 1.24 on. The bounded store's map doubles its table as it grows, so its bytes per entry saw.
BYTES_PER_ENTRY = {
    ("unbounded", "1.23"): BytesPerEntry(107, 160),
    ("unbounded", "1.27"): BytesPerEntry(131, 184),
    ("bounded", "1.23"): BytesPerEntry(99, 136),
    ("bounded", "1.27"): BytesPerEntry(99, 136),
}


def bytes_per_entry(design: str, go_version: str) -> BytesPerEntry:
    """The table's row for a design on a Go version. Raises ValueError for a version it does not hold."""
    if go_version not in GO_VERSIONS:
        raise ValueError(f"no bytes per entry for Go {go_version!r}: choose one of {', '.join(GO_VERSIONS)}")
    return BYTES_PER_ENTRY[design, go_version]


def resident_mib(entries: np.ndarray, per_entry: float) -> np.ndarray:
    """Resident memory in MiB of so many entries at so many live bytes each; same shape as `entries`."""
    return np.asarray(entries) * (per_entry * RESIDENT_PER_LIVE / MIB)


def entries_at(limit_mib: float, per_entry: float) -> float:
    """Entries at which resident memory reaches a limit in MiB."""
    return limit_mib * MIB / (per_entry * RESIDENT_PER_LIVE)
