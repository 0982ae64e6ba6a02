"""Damaged input of every kind: each is read, the same way whole and in chunks, or refused in one line.

Each input is a seed from `seeds/`, or text, with a few edits. The suite tries the same hundred each time; `make fuzz`
tries new ones, many times as many. A failure that it finds becomes a test of its own.
"""

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simlib.core.distributions import LONGEST, Distribution
from simlib.core.errors import InputError
from simlib.core.units import MAX_NS, exact_duration, parse_duration
from simlib.replay.totals import gathered
from simlib.traces.chunks import open_stream
from simlib.traces.files import read_trace
from simlib.traces.mapping import How
from simlib.workloads.schema import Workload, load_workload

SEEDS = sorted((Path(__file__).parent / "seeds").iterdir())
LOGS = [seed for seed in SEEDS if seed.suffix != ".yaml"]

NASTY = [
    *(b"\x00", b"\xff", b"\n", b"\r", b'"', b"'", b",", b";", b"\t", b"{", b"}", b"[", b"]", b":", b"#", b"%", b"\\"),
    *(b"-", b"+", b".", b"e9", b"9" * 20, b"1e999", b"nan", b"null", b"true", b"0x", b"59:59", b"T", b"Z", b"+99:99"),
    *(b"time", b"session", b"op", b"delete", b"\x1b[2J", "\u202e".encode(), b"\xc0\x80", b"\xed\xa0\x80"),
    *(b"*a", b"&a ", b"<<: ", b"!!int ", b"? ", b"- ", b"~", b"|\n", b"\\ud800", b"(a+)+", b"(?P<session>", b"$", b"|"),
]

edits = st.lists(
    st.tuples(
        st.integers(0, 1 << 16),
        st.integers(0, 12),
        st.sampled_from(NASTY) | st.binary(max_size=4),
        st.integers(1, 3),
    ),
    max_size=5,
)


def edited(data, changes):
    """The data with bytes taken out and put in at some places."""
    for place, removed, added, times in changes:
        place %= len(data) + 1
        data = data[:place] + added * times + data[place + removed :]
    return data


def tried(act):
    """The result of an action, or the message with which it refuses: one line that shows all that it holds."""
    try:
        return act(), ""
    except InputError as error:
        message = str(error)
    assert message
    assert message.isprintable(), message
    return None, message


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("seed", LOGS, ids=lambda seed: seed.name)
def test_a_seed_itself_is_read(seed):
    # Edits of one that is refused would never get beyond that refusal.
    assert len(read_trace(seed))


@pytest.mark.parametrize("seed", LOGS, ids=lambda seed: seed.name)
@given(changes=edits)
def test_a_log_is_read_alike_whole_and_in_chunks_or_refused(folder, seed, changes):
    path = folder / seed.name
    path.write_bytes(edited(seed.read_bytes(), changes))
    whole, chunked = (
        tried(lambda read=read: read().digest)
        for read in (lambda: read_trace(path), lambda: gathered(open_stream(path, rows=1)))
    )
    assert whole == chunked
    # A refusal quotes a little of what it refuses, whatever its size.
    assert len(whole[1]) < 1500


PATTERN = rb"(?P<time>\S+ +\S+ \S+) \S+ \w+\[(?P<session>\d+)\]"


@given(edits.map(lambda changes: edited(PATTERN, changes).decode("utf-8", "replace")))
def test_a_pattern_reads_or_is_refused(pattern):
    path = next(seed for seed in LOGS if seed.name == "syslog")
    trace, message = tried(lambda: read_trace(path, How(pattern=pattern)))
    assert message or len(trace) <= 2


@given(changes=edits)
def test_a_workload_is_read_or_refused(folder, changes):
    (seed,) = set(SEEDS) - set(LOGS)
    path = folder / seed.name
    path.write_bytes(edited(seed.read_bytes(), changes))
    workload, message = tried(lambda: load_workload(path))
    assert isinstance(workload, Workload) or message.startswith(str(path))


words = st.text(st.sampled_from([*"0123456789.+-eE_ \tnusmhdµ٣"]), max_size=20) | st.text(max_size=70)


@given(words)
def test_a_duration_is_read_or_refused(text):
    ns, _ = tried(lambda: parse_duration(text))
    assert ns is None or (abs(ns) <= MAX_NS and parse_duration(exact_duration(ns)) == ns)


laws = st.sampled_from(["fixed", "uniform", "exponential", "lognormal", "pareto", "gamma", ""])


@given(laws, st.lists(words | st.sampled_from(["1s", "5m", "1.5", "0.01", "366d"]), max_size=3))
def test_a_law_is_read_or_refused(law, parts):
    read, _ = tried(lambda: Distribution.parse(" ".join([law, *parts])))
    assert read is None or (0 <= read.low <= read.high <= LONGEST and 0 <= read.mean <= LONGEST)
