"""Formats: one small stream as each program writes it, read in one go with no script."""

import bz2
import gzip
import io
import json
import lzma
import sys
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simlib.core.errors import InputError
from simlib.core.units import MS, SECOND
from simlib.traces.chunks import open_stream
from simlib.traces.files import read_trace
from simlib.traces.mapping import How
from simlib.traces.notes import Notes

START = 1_767_323_045  # 2026-01-02 03:04:05 UTC
ROWS = [(0, "10.0.0.1"), (250, "10.0.0.2"), (1250, "10.0.0.1"), (61_000, "10.0.0.3"), (61_001, "10.0.0.2")]
"""Rows of (ms from START, client)."""

EXACT = [START * SECOND + ms * MS for ms, _ in ROWS]
CLIENTS = [client for _, client in ROWS]


def at(form, ms):
    """An instant as `strftime` writes it; `%3` stands for milliseconds."""
    when = datetime.fromtimestamp(START + ms // 1000, UTC)
    return when.strftime(form.replace("%3", f"{ms % 1000:03d}"))


def lines(template, form):
    """The rows in lines of a template with `{time}` and `{client}`."""
    return "".join(template.format(time=at(form, ms), client=client) + "\n" for ms, client in ROWS)


LINES = {
    "combined": (
        '{client} - - [{time}] "GET /a HTTP/1.1" 200 12 "-" "agent, \\"q\\""',
        "%d/%b/%Y:%H:%M:%S +0000",
        "nginx or Apache",
    ),
    "common": ('{client} - frank [{time}] "GET /a HTTP/1.0" 200 -', "%d/%b/%Y:%H:%M:%S +0000", "nginx or Apache"),
    "virtual hosts": (
        'example.org:443 {client} - - [{time}] "-" 408 0 "-" "-"',
        "%d/%b/%Y:%H:%M:%S +0000",
        "nginx or Apache",
    ),
    "haproxy http": (
        "Jan  2 03:04:06 lb haproxy[14389]: {client}:33317 [{time}] http-in static/srv1 "
        '10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 "GET /index.html HTTP/1.1"',
        "%d/%b/%Y:%H:%M:%S.%3",
        "HAProxy HTTP",
    ),
    "haproxy tcp": (
        "Jan  2 03:04:06 lb haproxy[14387]: {client}:33313 [{time}] fnt bck/srv1 0/0/5007 212 -- 0/0/0/0/3 0/0",
        "%d/%b/%Y:%H:%M:%S.%3",
        "HAProxy TCP",
    ),
    "envoy": (
        '[{time}] "POST /api HTTP/2" 204 - 154 0 226 100 "{client}" "agent" "cc21d9b0" "locations" "tcp://10.0.2.1:80"',
        "%Y-%m-%dT%H:%M:%S.%3Z",
        "Envoy",
    ),
    "istio": (
        '[{time}] "GET /s HTTP/1.1" 418 - via_upstream - "-" 0 135 3 1 "{client}, 10.9.9.9" "curl" "84961386" '
        '"httpbin:8000" "127.0.0.1:80" inbound|8000|| 127.0.0.1:41854 10.44.1.27:80 10.44.1.23:37652 outbound default',
        "%Y-%m-%dT%H:%M:%S.%3Z",
        "Envoy",
    ),
    "alb": (
        "https {time} app/lb/50dc6c495c0c9188 {client}:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "
        '"GET https://www.example.com:443/ HTTP/1.1" "curl/7.46.0" ECDHE TLSv1.2 arn:x "Root=1-58337281" "-" "-" 1',
        "%Y-%m-%dT%H:%M:%S.%3000Z",
        "AWS",
    ),
    "squid": (
        "{time}    310 {client} TCP_MISS/200 1222 GET http://example.org/ - DIRECT/10.9.9.9 text/html",
        "%s.%3",
        "Squid",
    ),
    "nginx error": (
        "{time} [error] 29#29: *5 open() failed (2: No such file), client: {client}, server: _, request: x",
        "%Y/%m/%d %H:%M:%S",
        "error log of nginx",
    ),
    "apache error": (
        "[{time}] [core:error] [pid 35708:tid 4328636416] [client {client}:5123] File does not exist: /x",
        "%a %b %d %H:%M:%S.%3000 %Y",
        "error log of Apache",
    ),
}


@pytest.mark.parametrize("form", LINES)
@pytest.mark.parametrize("chosen", [True, False])
def test_a_log_of_lines_is_recognised_and_its_key_is_the_client(tmp_path, form, chosen):
    template, time, title = LINES[form]
    path = tmp_path / "access.log.1"
    path.write_text(lines(template, time).replace("%s", str(START)))
    names = {"common": "apache", "virtual hosts": "nginx", "istio": "envoy"}
    notes = Notes()
    trace = read_trace(path, How(format=names.get(form, form.replace(" ", "-")) if chosen else ""), notes)
    assert trace.ids[trace.session].tolist() == CLIENTS
    resolution = MS if "%3" in time else SECOND
    assert trace.time.tolist() == [ns // resolution * resolution for ns in EXACT]
    assert title in notes.summary()
    assert "2026-01-02 03:04:05" in notes.summary()
    assert "2026-01-02 03:05:06" in notes.summary()
    assert notes.warnings() == []


SYSLOGS = {
    "RFC 3164": ("<34>{time} mymachine sshd[{client}]: Accepted", "%b %d %H:%M:%S", SECOND),
    "a file of rsyslog": ("{time} host sshd[{client}]: Failed password for x from 10.9.9.9", "%b %d %H:%M:%S", SECOND),
    "RFC 5424": ('<165>1 {time} host evntslog {client} ID47 [a@32473 iut="3"] text', "%Y-%m-%dT%H:%M:%S.%3Z", MS),
    "ISO": ("{time} host sshd[{client}]: text", "%Y-%m-%dT%H:%M:%S.%3000+00:00", MS),
    "journalctl -o short-iso": ("{time} host sshd[{client}]: text", "%Y-%m-%dT%H:%M:%S+0000", SECOND),
    "journalctl -o short-precise": ("{time} host sshd[{client}]: text", "%b %d %H:%M:%S.%3000", MS),
    "journalctl -o short-unix": ("{time} host sshd[{client}]: text", f"{START}.%3000", None),
}


@pytest.mark.parametrize("form", SYSLOGS)
def test_syslog_in_each_of_its_forms_has_the_process_as_its_key(tmp_path, form):
    template, time, resolution = SYSLOGS[form]
    pids = {client: str(number) for number, client in enumerate(dict.fromkeys(CLIENTS), 100)}
    rows = [(ms, pids[client]) for ms, client in ROWS]
    if form == "journalctl -o short-unix":
        text = "".join(f"{START + ms // 1000}.{ms % 1000:03d}000 host sshd[{pid}]: x\n" for ms, pid in rows)
        resolution = MS
    else:
        text = "".join(template.format(time=at(time, ms), client=pid) + "\n" for ms, pid in rows)
    path = tmp_path / "messages"
    path.write_text(text)
    notes = Notes()
    trace = read_trace(path, notes=notes)
    assert trace.ids[trace.session].tolist() == [pid for _, pid in rows]
    # Where no year is named, only differences mean something.
    expected = np.array([ms * MS // resolution * resolution for ms, _ in ROWS])
    assert (trace.time - trace.time[0]).tolist() == expected.tolist()
    assert "syslog" in notes.summary()


def test_a_syslog_that_goes_over_new_year_runs_on(tmp_path):
    path = tmp_path / "messages"
    path.write_text("Dec 31 23:59:59 h a[1]: x\nJan  1 00:00:01 h a[2]: x\nJan  1 00:00:03 h a[2]: x\n")
    assert np.diff(read_trace(path).time).tolist() == [2 * SECOND, 2 * SECOND]


def test_a_syslog_without_a_year_is_put_into_the_one_assumed(tmp_path):
    path, notes = tmp_path / "messages", Notes()
    path.write_text("Mar  1 00:00:01 h a[1]: x\nMar  1 00:00:03 h a[2]: x\n")
    assert read_trace(path, notes=notes).time[0] == np.datetime64("2023-03-01T00:00:01", "ns").astype(np.int64)
    assert "dates (syslog, of an assumed year)" in notes.summary()


def test_what_an_application_logs_is_read_with_a_pattern_for_the_session(tmp_path):
    lines_of = {
        "spring": "{time}  INFO 123 --- [nio-8080-exec-1] c.e.Web  : opened session={client} ok",
        "spring-boot-3": "{time} INFO 123 --- [app] [nio-8080-exec-1] c.e.Web  : opened session={client} ok",
        "log4j": "{time} [main] INFO  com.example.Web - opened session={client} ok",
        "python": "{time} - web - INFO - opened session={client} ok",
        "other": "{time} opened session={client} ok",
    }
    for name, template in lines_of.items():
        path = tmp_path / f"{name}.log"
        text = lines(template, "%Y-%m-%d %H:%M:%S,%3")
        path.write_text(text.replace("\n", "\njava.lang.IllegalStateException: x\n\tat a.b(C.java:1)\n", 1))
        notes = Notes()
        trace = read_trace(path, How(pattern=r"session=(?P<session>\S+)"), notes)
        assert trace.time.tolist() == EXACT, name
        assert trace.ids[trace.session].tolist() == CLIENTS
        assert notes.warnings() == [f"{path.name}: left out: 2 lines of another form"]


def test_a_pattern_may_name_all_columns_and_leave_groups_without_names(tmp_path):
    path = tmp_path / "app.log"
    path.write_text("[1.5] (x) open a\n[2.5] (y) close a\n[3] (z) noop b\n")
    how = How(
        pattern=r"^\[(?<time>[\d.]+)\] \((x|y|z)\) (?P<op>\w+) (?P<session>\w+)$",
        ops={"open": "increment", "close": "delete", "noop": "ignore"},
    )
    trace = read_trace(path, how)
    assert trace.time.tolist() == [1_500_000_000, 2_500_000_000]
    assert trace.op.tolist() == [0, 1]


def records(time, session, **more):
    """The rows as JSON objects, fields nested where a name has a dot."""
    found = []
    for ms, client in ROWS:
        record = dict(more)
        for name, value in ((time[0], time[1](ms)), (session, client)):
            inner = record
            *outer, last = name.split(".")
            for part in outer:
                inner = inner.setdefault(part, {})
            inner[last] = value
        found.append(record)
    return found


def iso(ms):
    return at("%Y-%m-%dT%H:%M:%S.%3000Z", ms)


def micros(ms):
    return str(START * 10**6 + ms * 1000)


def nanos(ms):
    return str(START * 10**9 + ms * 10**6)


JSON = {
    "journald": (records(("__REALTIME_TIMESTAMP", micros), "_PID", MESSAGE="x"), How(), "journald"),
    "kubernetes audit": (
        records(
            ("stageTimestamp", iso), "user.username", kind="Event", auditID="1", stage="ResponseComplete", verb="get"
        ),
        How(),
        "Kubernetes audit",
    ),
    "zeek": (records(("ts", lambda ms: START + ms / 1000), "uid", proto="tcp"), How(), "Zeek JSON"),
    "otel records": (records(("timeUnixNano", nanos), "traceId"), How(columns={"session": "traceId"}), "OpenTelemetry"),
    "nested": (records(("at.time", iso), "who.id"), How(columns={"time": "at.time", "session": "who.id"}), "JSON"),
    "own op": (records(("time", iso), "session", op="GET", counter=3), How(), "JSON"),
}


@pytest.mark.parametrize("form", JSON)
@pytest.mark.parametrize("layout", ["lines", "array", "indented", "document"])
def test_json_is_read_in_any_layout(tmp_path, form, layout):
    rows, how, title = JSON[form]
    text = {
        "lines": "".join(json.dumps(row) + "\n" for row in rows),
        "array": json.dumps(rows),
        "indented": "".join(json.dumps(row, indent=2) + "\n" for row in rows),
        "document": json.dumps({"kind": "List", "items": rows}, indent=1),
    }[layout]
    path = tmp_path / "log.JSON"
    path.write_text("\ufeff" + text, encoding="utf-8")
    notes = Notes()
    trace = read_trace(path, how, notes)
    assert trace.time.tolist() == EXACT
    assert trace.ids[trace.session].tolist() == CLIENTS
    assert trace.op.tolist() == [0] * len(ROWS)
    assert title in notes.summary()


def test_opentelemetry_as_its_collector_writes_it(tmp_path):
    def record(ms, client):
        attributes = [{"key": "session.id", "value": {"stringValue": client}}]
        return {"timeUnixNano": nanos(ms), "severityText": "INFO", "attributes": attributes}

    batches = [
        {"resourceLogs": [{"resource": {"attributes": []}, "scopeLogs": [{"scope": {}, "logRecords": part}]}]}
        for part in ([record(*row) for row in ROWS[:2]], [record(*row) for row in ROWS[2:]])
    ]
    path = tmp_path / "otel.json"
    path.write_text("".join(json.dumps(batch) + "\n" for batch in batches))
    trace = read_trace(path)
    assert trace.time.tolist() == EXACT
    assert trace.ids[trace.session].tolist() == CLIENTS


def test_rows_without_the_mapped_field_are_left_out_and_counted(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"ts": 1, "user": {"name": "a"}}\n{"ts": 2}\n{"ts": 3, "user": {"name": "a"}}\n')
    notes = Notes()
    assert len(read_trace(path, How(columns={"session": "user.name"}), notes)) == 2
    assert notes.warnings() == ["log.jsonl: left out: 1 row without 'user.name'"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "\x01", "~"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_with_any_delimiter_header_and_line_end(tmp_path, delimiter, end):
    head = delimiter.join(["Message", "Time Stamp", "Session ID"])
    rows = [delimiter.join(['"x\n, ; y"', f"{START + ms // 1000}.{ms % 1000:03d}", who]) for ms, who in ROWS]
    path = tmp_path / "EXPORT.CSV"
    path.write_bytes(("\ufeff" + end.join([head, *rows]) + end).encode())
    trace = read_trace(path, How(columns={"time": "time stamp"}))
    assert trace.time.tolist() == EXACT
    assert trace.ids[trace.session].tolist() == CLIENTS


def test_a_table_of_a_spreadsheet_in_europe(tmp_path):
    path = tmp_path / "export.csv"
    text = "Zeit;Session\r\n" + "".join(f"{at('%d.%m.%Y %H:%M:%S,%3', ms)};{who}\r\n" for ms, who in ROWS)
    for data in (text.encode(), text.encode("utf-16")):
        path.write_bytes(data)
        assert read_trace(path, How(columns={"time": "Zeit"})).time.tolist() == EXACT
    path.write_text("time;session\n1767323045,25;a\n1767323046,5;b\n")
    assert np.diff(read_trace(path).time).tolist() == [1250 * MS]


def test_a_table_without_a_header_is_mapped_by_numbers(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text("".join(f"{who},{START * 1000 + ms},GET\n" for ms, who in ROWS))
    assert read_trace(path, How(columns={"time": "2", "session": "1"})).time.tolist() == EXACT


def test_postgres_csvlog(tmp_path):
    rest = ',"idle",2026-01-02 03:00:00 UTC,3/0,0,LOG,00000,"statement: select\n1",,,,,,,,,"psql","client backend",,0'
    rows = [
        f'{at("%Y-%m-%d %H:%M:%S.%3 UTC", ms)},"app","db",7,"10.0.0.1:5",{who},{number}{rest}\n'
        for number, (ms, who) in enumerate(ROWS)
    ]
    path = tmp_path / "postgresql.csv"
    path.write_text("".join(rows))
    trace = read_trace(path)
    assert trace.time.tolist() == EXACT
    assert trace.ids[trace.session].tolist() == CLIENTS


def test_zeek_and_w3c_name_their_columns_in_comments(tmp_path):
    path = tmp_path / "conn.log"
    head = (
        "#separator \\x09\n#unset_field\t-\n#path\tconn\n#fields\tts\tuid\tduration\n#types\ttime\tstring\tinterval\n"
    )
    rows = "".join(f"{START + ms // 1000}.{ms % 1000:03d}000\t{who}\t-\n" for ms, who in ROWS)
    path.write_text(head + rows + "#close\t2026-01-02-03-05-06\n")
    assert read_trace(path).time.tolist() == EXACT
    # CloudFront divides its rows by tabs, and its header by spaces.
    for date, after in (("%Y-%m-%d %H:%M:%S", " "), ("%Y-%m-%d\t%H:%M:%S", "\t")):
        path.write_text(
            "#Software: Microsoft Internet Information Services 10.0\n#Version: 1.0\n"
            "#Fields: date time c-ip cs-method\n"
            + "".join(f"{at(date, ms)}{after}{who}{after}GET\n" for ms, who in ROWS)
        )
        trace = read_trace(path)
        assert trace.time.tolist() == [ns // SECOND * SECOND for ns in EXACT]
        assert trace.ids[trace.session].tolist() == CLIENTS


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_first_line_that_names_the_delimiter_for_excel_is_no_header(tmp_path, delimiter):
    path = tmp_path / "export.csv"
    rows = [("Time", "session"), *((str(START * 1000 + ms), who) for ms, who in ROWS)]
    path.write_text(f"sep={delimiter}\r\n" + "".join(f"{delimiter.join(row)}\r\n" for row in rows))
    trace = read_trace(path)
    assert trace.time.tolist() == EXACT
    assert trace.ids[trace.session].tolist() == CLIENTS


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_parquet_times_in_every_unit_and_zone(tmp_path, unit, zone):
    divide = {"s": SECOND, "ms": MS, "us": 1000, "ns": 1}[unit]
    time = pa.array([ns // divide for ns in EXACT], pa.timestamp(unit, zone))
    path = tmp_path / "part"
    pq.write_table(pa.table({"time": time, "session": CLIENTS}), path)
    assert read_trace(path).time.tolist() == [ns // divide * divide for ns in EXACT]


def test_parquet_ids_of_every_kind_and_fields_of_structures(tmp_path):
    path = tmp_path / "log.parquet"
    sixteen = [bytes([number]) * 16 for number in (1, 2, 1, 3, 2)]
    uuids = [f"{number:02x}" * 4 for number in (1, 2, 1, 3, 2)]
    for column, first in (
        (pa.array(sixteen, pa.binary(16)), uuids),
        (pa.array(sixteen, pa.binary(16)).cast(pa.binary()).dictionary_encode(), uuids),
        (pa.array([client.encode() for client in CLIENTS]), [client[:8] for client in CLIENTS]),
        (pa.array(CLIENTS).dictionary_encode(), [client[:8] for client in CLIENTS]),
    ):
        pq.write_table(pa.table({"time": EXACT, "session": column}), path)
        trace = read_trace(path)
        assert [each[:8] for each in trace.ids[trace.session]] == first
        assert trace.time.tolist() == EXACT
    who = pa.array([{"id": client, "x": 1} for client in CLIENTS])
    pq.write_table(pa.table({"At": pa.array(EXACT, pa.timestamp("ns")), "who": who}), path)
    trace = read_trace(path, How(columns={"time": "at", "session": "who.id"}))
    assert trace.ids[trace.session].tolist() == CLIENTS


CSV = "time,session\n" + "".join(f"{START + ms // 1000}.{ms % 1000:03d},{who}\n" for ms, who in ROWS)
PACKED = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: pa.compress(data, "zstd", asbytes=True),
}


@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize("name", ["log.csv.{}", "LOG.{}", "log", "log.csv"])
def test_packing_is_recognised_whatever_the_name(tmp_path, packed, name):
    path = tmp_path / name.format(packed.upper())
    data = CSV.encode()
    path.write_bytes(PACKED[packed](data))
    assert read_trace(path).time.tolist() == EXACT
    # As rotation and parallel packers leave them: one packed stream after another.
    path.write_bytes(PACKED[packed](data[:40]) + PACKED[packed](data[40:]))
    assert read_trace(path).time.tolist() == EXACT
    path.write_bytes(PACKED[packed](data * 50)[:-9])
    with pytest.raises(ValueError, match="truncated or damaged"):
        read_trace(path)


def test_a_folder_and_several_files_are_one_log_in_order_of_time(tmp_path):
    text = LINES["combined"][0], LINES["combined"][1]
    whole = lines(*text).splitlines(keepends=True)
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "access.log.2.gz").write_bytes(gzip.compress("".join(whole[:2]).encode()))
    (logs / "access.log.1").write_text(whole[2])
    (logs / "access.log").write_text("".join(whole[3:]))
    (logs / "_SUCCESS").touch()
    one = tmp_path / "one.log"
    one.write_text("".join(whole))
    expected = read_trace(one)
    names = ["access.log", "access.log.1", "access.log.2.gz"]
    for inputs in (logs, [logs / name for name in names], [logs / name for name in reversed(names)]):
        notes = Notes()
        assert read_trace(inputs, notes=notes).digest == expected.digest
        assert notes.moved == 0
        assert "and 2 more" in notes.summary()
    # Part files that overlap, as those of several machines do, and hold the same ids in other types.
    parts = tmp_path / "parts"
    (parts / "day=1").mkdir(parents=True)
    pq.write_table(pa.table({"time": [1.0, 3.0, 5.0], "session": [7, 8, 7]}), parts / "day=1" / "part-0.parquet")
    (parts / "part-1.csv").write_text("time,session\n1,7\n2,7\n6,9\n")
    trace = read_trace(parts)
    assert trace.time.tolist() == [each * SECOND for each in (1, 1, 2, 3, 5, 6)]
    assert trace.ids[trace.session].tolist() == ["7", "7", "7", "8", "7", "9"]
    chunks = list(open_stream(parts, 2)())
    assert np.concatenate([chunk.time for chunk in chunks]).tolist() == trace.time.tolist()


def test_standard_input_is_read_as_often_as_needed(monkeypatch):
    monkeypatch.setattr("simlib.traces.source._copies", {})
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(CSV.encode()))))
    stream = open_stream("-")
    for _ in range(2):
        assert np.concatenate([chunk.time for chunk in stream()]).tolist() == EXACT


def test_half_a_copy_of_standard_input_is_not_read_as_the_whole(monkeypatch):
    monkeypatch.setattr("simlib.traces.source._copies", {})
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CSV.encode())))

    def interrupted(source, target):
        target.write(source.read(30))
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("simlib.traces.source.shutil.copyfileobj", interrupted)
        with pytest.raises(KeyboardInterrupt):
            open_stream("-")
    # What was left in the pipe has no header.
    with pytest.raises(InputError, match=r"^standard input: "):
        read_trace("-")
