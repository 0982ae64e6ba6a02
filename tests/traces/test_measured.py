"""Measured memory as Prometheus, Grafana, `ps` and people write it, and the one line for what is none."""

import json

import numpy as np
import pytest

from simlib.core.errors import InputError
from simlib.core.units import SECOND
from simlib.traces.measured import read_measured

START = 1_767_225_600
TIMES = [START, START + 60, START + 120]
MIB = [100, 101, 102.5]


def written(tmp_path, text, name="rss.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def rows(cells, begin="", between=",", times=TIMES):
    return begin + "".join(f"{time}{between}{cell}\n" for time, cell in zip(times, cells, strict=True))


def prometheus(*series):
    values = [[TIMES[0], "104857600"], [TIMES[1] + 0.5, "105906176"], [TIMES[2], "NaN"]]
    result = [{"metric": {"__name__": "process_resident_memory_bytes", "pod": pod}, "values": values} for pod in series]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}})


SIZES = [int(mib * 2**20) for mib in MIB]
DATES = ["2026-01-01 00:00:00", "2026-01-01 00:01:00", "2026-01-01 00:02:00"]
LABELLED = '"Time","process_resident_memory_bytes{instance=""a:1"", job=""api""}"\n'

WRITTEN = {
    "bytes": (rows(SIZES, "time,bytes\n"), "seconds since 1970"),
    "grafana": (rows(SIZES, LABELLED, times=DATES), "dates (ISO 8601)"),
    "grafana, formatted": (rows([f"{mib} MiB" for mib in MIB], LABELLED, times=DATES), "in the units of its cells"),
    "ps without names": (rows([size // 1024 for size in SIZES], between="   "), "taken as KiB by their size"),
    "ps": (rows([size // 1024 for size in SIZES], "epoch rss\n", "  "), "taken as KiB by their size"),
    "kB": (rows([size // 1024 for size in SIZES], "ts;RSS (kB)\n", ";"), "kb of 1024 bytes"),
    "a decimal comma": (
        rows([str(mib).replace(".", ",") for mib in MIB], "t;mem MiB\n", ";"),
        "mib of 1,048,576 bytes",
    ),
    "MiB by size": (rows(MIB, "time,memory\n"), "taken as MiB by their size"),
    "bytes by size": (rows(SIZES, "time,memory\n"), "taken as bytes by their size"),
    "docker": (rows([f"{mib}MiB / 7.7GiB" for mib in MIB], "time,mem\n"), "in the units of its cells"),
    "kubectl": (rows([f"{int(mib * 1024)}Ki" for mib in MIB], "time,mem\n"), "in the units of its cells"),
    "JSON lines": (
        "".join(json.dumps({"ts": time, "rss": size}) + "\n" for time, size in zip(TIMES, SIZES, strict=True)),
        "JSON lines",
    ),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_the_same_memory_however_it_is_written(tmp_path, name):
    text, words = WRITTEN[name]
    measured = read_measured(written(tmp_path, text))
    assert measured.time.tolist() == [time * SECOND for time in TIMES]
    assert measured.mib == pytest.approx(MIB)
    assert words in measured.about
    assert measured.about.endswith(
        "3 points, 2026-01-01 00:00:00 to 2026-01-01 00:02:00 UTC (2 min), 100 MiB to 102 MiB"
    )


def test_a_range_query_of_prometheus_has_gaps(tmp_path):
    measured = read_measured(written(tmp_path, prometheus("a"), "range.json"))
    assert measured.time.tolist() == [START * SECOND, START * SECOND + 60_500_000_000]
    assert measured.mib.tolist() == [100, 101]
    assert measured.about.startswith("range.json: Prometheus query_range, time time, bytes bytes, seconds since 1970; ")
    assert measured.about.endswith("; 2 points, 2026-01-01 00:00:00 to 2026-01-01 00:01:00.500 UTC (1.01 min), "
                                   "100 MiB to 101 MiB, 1 row without a number left out")  # fmt: skip


def test_what_is_not_recognised_is_said(tmp_path):
    path = written(tmp_path, "when,heap,stack\n60,200,1\n0,100,1\n")
    assert read_measured(path, {"time": "when", "bytes": "heap"}).mib.tolist() == [100, 200]
    assert read_measured(path, {"time": "when", "bytes": "stack"}, "GiB").mib.tolist() == [1024, 1024]
    assert read_measured(path, {"time": "when", "bytes": "stack"}, "B").mib.tolist() == [2**-20, 2**-20]


def test_a_copy_reads_as_it_is(tmp_path):
    measured = read_measured(written(tmp_path, "t,x,y\n0.25,1,2\n7,3,5\n"), {"bytes": "y"}, "KiB")
    measured.write(tmp_path / "copy.csv")
    copy = read_measured(tmp_path / "copy.csv")
    assert copy.time.tolist() == [SECOND // 4, 7 * SECOND]
    assert np.array_equal(copy.mib, measured.mib)
    assert copy.digest == measured.digest


REFUSED = {
    "time,bytes\n0,5\n1,-3\n": "row 2: bytes '-3' must not be negative",
    "time,bytes\n0,5\n1,many\n": "row 2: bytes 'many' must be a number, or one with its unit, such as 512 MiB",
    "time,bytes\n0,5 parsecs\n": "row 1: bytes '5 parsecs' must be a number",
    "time,bytes\n0,5\nsoon,6\n": "row 2: time 'soon' must be seconds as a number, as in row 1",
    "time,bytes\n0,NaN\n": "it holds no measurement",
    "time,bytes\n": "it holds no measurement",
    "time,a,b\n0,1,2\n": "there is no column 'bytes'; the columns are: 'time', 'a', 'b'; name it with --memory-columns",
    "time,memory,heap\n0,1,2\n": "the bytes can be 'memory' or 'heap': say --memory-columns bytes=NAME",
    prometheus("a", "b"): "it holds 2 series, such as __name__=process_resident_memory_bytes, pod=a: query that of one",
    '1.2.3.4 - - [01/Jan/2026:00:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "-"\n': "is not measured memory: give a CSV",
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_measurement_is_refused_in_one_line(tmp_path, text):
    path = written(tmp_path, text)
    with pytest.raises(InputError) as refused:
        read_measured(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert REFUSED[text] in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_column_or_a_role_that_is_not_there_is_refused(tmp_path):
    path = written(tmp_path, "time,bytes\n0,1\n")
    with pytest.raises(InputError, match="there is no column 'rss'; the columns are: 'time', 'bytes'"):
        read_measured(path, {"bytes": "rss"})
    with pytest.raises(InputError, match="--memory-columns: unknown role 'session': choose of time, bytes"):
        read_measured(path, {"session": "bytes"})
    with pytest.raises(InputError, match=r"nowhere.csv: No such file"):
        read_measured(tmp_path / "nowhere.csv")
