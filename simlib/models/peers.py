"""Real Go cache libraries as counter stores: totals on simulated time, speeds on wall time, from `data/peers/`.

The tables are measured by `make peers`; reading them needs neither Go nor a network.
"""

from dataclasses import astuple, dataclass

import pandas as pd

from simlib.core.places import PEERS as TABLES
from simlib.core.statistics import estimate


@dataclass(frozen=True)
class Peer:
    """A Go library as it is used for counters. An increment finds or creates the entry and puts count + 1 back."""

    module: str
    """The path of the Go module."""
    design: str | None
    """The name of the design that it comes closest to; None: no design here has its rule."""
    about: str
    """Its rule, and where that departs from the design."""
    randomised: bool = False
    """Whether results differ from replication to replication."""


_GOLANG_LRU, _PHUSLU = "github.com/hashicorp/golang-lru/v2", "github.com/phuslu/lru"
_FREELRU, _FIFO = "github.com/elastic/go-freelru", "github.com/scalalang2/golang-fifo"

PEERS = {
    "ttlcache": Peer("github.com/jellydator/ttlcache/v3", "linked_list", "exact LRU, sliding TTL to the microsecond"),
    "simplelru": Peer(_GOLANG_LRU, "linked_list", "exact LRU without a TTL or a lock"),
    "expirable": Peer(_GOLANG_LRU, "linked_list", "exact LRU, TTL from the last write, which an increment is"),
    "expirable_read": Peer(
        _GOLANG_LRU, None, "the same with pointers to counters: a hit only reads, so the TTL runs from the creation"
    ),
    "otter": Peer("github.com/maypok86/otter/v2", None, "W-TinyLFU: newcomers may be refused; sliding TTL", True),
    "phuslu": Peer(
        _PHUSLU, "linked_list", "LRU in shards, a cap for each; TTL in whole seconds, seen when an id is read", True
    ),
    "phuslu_1_shard": Peer(_PHUSLU, "linked_list", "the same with one shard: exact LRU"),
    "freelru": Peer(_FREELRU, "linked_list", "exact LRU; an expired entry stays until it is read or is the oldest"),
    "freelru_sharded": Peer(_FREELRU, "linked_list", "the same in shards, a cap for each", True),
    "sieve": Peer(_FIFO, "sieve", "SIEVE without a TTL"),
    "sieve_ttl": Peer(_FIFO, None, "SIEVE with its TTL, whose cleaner also removes entries just written: a defect"),
}
"""The libraries by the name that the tables use, as `calibration/peers/caches.go` sets them up."""

TOTALS = (
    "increments",
    "deletes",
    "deletes_hit",
    "creates",
    "cap_evictions",
    "ttl_evictions",
    "false_evictions",
    "lost_counts",
    "peak_entries",
    "final_entries",
    "final_count_sum",
)
"""The numbers of the ledger that a library's calls and callback give."""


def peers_table() -> pd.DataFrame:
    """Return the totals of each library over each workload and log at the shipped cap and TTL, a row a replication.

    Columns: `library` (a key of PEERS), `version` (of its module), `source` ("workload", seed 1, its own length; or
    "log"), `trace` (its name), `counter`, `replication` (from 1; one where nothing is random), and TOTALS as in the
    ledger. Where a callback gives no cause, an entry that leaves at a write left by the cap, any other by the TTL.
    """
    return pd.read_csv(TABLES / "replays.csv")


def peer_estimates(total: str) -> pd.DataFrame:
    """Return the mean of one of TOTALS over the replications with its 95 % interval.

    Index: `source`, `trace`, `counter`, `library`. Columns: `mean`, `low`, `high` (NaN for one replication), `n`.
    """
    keys = ["source", "trace", "counter", "library"]
    groups = peers_table().groupby(keys, sort=False)[total]
    rows = [(*key, *astuple(estimate(values, least=0))) for key, values in groups]
    return pd.DataFrame(rows, columns=[*keys, "mean", "low", "high", "n"]).set_index(keys)


def speeds() -> pd.DataFrame:
    """Return the wall times of an increment at the cap, a row for each library, traffic and number of goroutines.

    Columns: `library`, `version`, `goroutines` (with more than one, increments of one id exclude each other), `traffic`
    ("churn": nine in ten on new ids; "incident": the increments of that workload in their order, without pauses);
    `mean_ns` (elapsed time by increments of all goroutines), `p50_ns`, `p99_ns`, `worst_ns` (single calls,
    the wait for one of two cores included); `garbage_bytes` (allocated by an increment, the id apart); `heap_bytes`
    (live, an entry with its id of 37 bytes).
    """
    return pd.read_csv(TABLES / "speed.csv")
