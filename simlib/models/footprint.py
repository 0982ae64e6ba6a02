"""Memory of maps from their entries: at the bytes that are given for an entry, or as modelled at its key length."""

from dataclasses import dataclass

import numpy as np

from simlib.core.numbers import format_number
from simlib.models.heap import GO_VERSIONS, MIB, SPREAD, allocated, churned, heap_model, resident_per_live
from simlib.workloads.entry import MODELLED, Entry, Limit

LEAST_ENTRY = 20
"""Bytes below which no modelled entry lies: a slot of its table takes more."""


@dataclass(frozen=True)
class Footprint:
    """The memory of maps whose entries are like `entry`, on one Go version.

    Bytes that are given for an entry hold for the memory of the process and for every design; on them stands no model.
    """

    entry: Entry = MODELLED
    go_version: str = GO_VERSIONS[-1]

    def live_mib(self, entries: np.ndarray, design: str) -> np.ndarray:
        """Return the live heap in MiB of a map that never shrank; where bytes are given, the memory that it takes.

        Same shape as `entries`. Raises InputError for an unknown design.
        """
        entries = np.asarray(entries, dtype=np.float64)
        if self.entry.given is not None:
            return entries * (self.entry.given / MIB)
        model = heap_model(design, self.go_version)
        value = float(allocated(self.entry.value_bytes))
        return (model.live_bytes(entries, key_length=self.entry.key_length) + value * entries) / MIB

    def resident_mib(self, entries: np.ndarray, design: str, share: float = 1.0) -> np.ndarray:
        """Return resident memory in MiB of a map that never shrank, times `share`; same shape as `entries`."""
        collected = resident_per_live() if self.entry.given is None else 1.0
        return self.live_mib(entries, design) * (collected * share)

    def entries_at(self, limit: Limit, design: str, share: float = 1.0) -> float:
        """Return the fewest entries that reach a limit, by their resident memory times `share` or by their number.

        inf where no limit is known.
        """
        most = float("inf") if limit.entries is None else float(limit.entries)
        return most if limit.mib is None else min(most, self._entries_at(limit.mib, design, share))

    def _entries_at(self, limit_mib: float, design: str, share: float) -> float:
        if self.entry.given is not None:
            return limit_mib * MIB / (self.entry.given * share)
        # A table that doubles makes steps, and shrinks again where it drops its old half: the first crossing counts.
        sizes = np.unique(np.geomspace(1, max(limit_mib, 1) * MIB / LEAST_ENTRY, 4000).round())
        reached = np.flatnonzero(self.resident_mib(sizes, design, share) >= limit_mib)
        if not reached.size:
            return float("inf")
        low, high = sizes[max(reached[0] - 1, 0)], sizes[reached[0]]
        between = np.linspace(low, high, 200)
        return float(between[np.argmax(self.resident_mib(between, design, share) >= limit_mib)])

    @property
    def churned(self) -> float:
        """The memory of a store held at a size through many new keys, over that of one just grown to it."""
        return churned(self.go_version) if self.entry.given is None else 1.0

    @property
    def spread(self) -> float:
        """The share by which memory may differ from what is computed here; 0 where bytes are given."""
        return SPREAD if self.entry.given is None else 0.0

    def an_entry(self, mib: float, entries: float) -> str:
        """Say what a sentence assumes that has `entries` take `mib`, such as "a modelled 330 bytes an entry"."""
        if self.entry.given is not None:
            return f"the given {format_number(self.entry.given)} bytes an entry"
        if not entries:
            return "the modelled bytes of an entry"
        return f"a modelled {format_number(mib * MIB / entries)} bytes an entry"
