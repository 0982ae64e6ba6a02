"""Workload files that are damaged, hostile or merely wrong: one line, at once, that says all that is wrong."""

import time
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simlib.cli.main import main
from simlib.core.errors import InputError
from simlib.workloads.document import MOST_BYTES, read_fields
from simlib.workloads.schema import load_workload
from tests.workloads.test_schema import GOOD

SCALARS = {
    "a truth that is none": "!!bool x",
    "a tagged number": "!!float x",
    "a tagged date": "!!timestamp 2020-99-99",
    "a Python object": "!!python/object/apply:os.system [echo]",
    "a tag of its own": "!mine x",
    "binary": "!!binary x",
    "a set": "!!set {a}",
    "base 60": ":".join(["59"] * 6000),
    "many digits": "9" * 6000,
    "a large exponent": "1e999999",
    "no number": ".nan",
    "a date": "2020-99-99",
    "base 2": "0b" + "1" * 5000,
    "base 8": "0o777",
    "base 16": "0x" + "f" * 5000,
    "underscores": "1_000",
    "nothing": "",
    "a null": "~",
    "a list": "[1]",
    "a mapping": "{a: 1}",
    "a mapping as a key": "{{a: 1}: 1}",
    "a character beyond Unicode": r'"\U00110000"',
    "half a character": r'"\ud800"',
    "an alias of nothing": "*a",
    "an unclosed list": "[1",
    "a tab": "\t1",
    "a directive": "1\n...\n%YAML 99999999999999999999.1\n--- 1",
}


def refusal(path, content):
    path.write_text(content, encoding="utf-8", errors="surrogatepass")
    began = time.process_time()
    with pytest.raises(InputError) as caught:
        load_workload(path)
    assert time.process_time() - began < 5
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.isprintable()
    assert len(message) < len(str(path)) + 700
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize("scalar", SCALARS)
@pytest.mark.parametrize("field", ["memory_limit_mib: 8", "duration: 1h"])
def test_every_scalar_that_does_not_fit_is_refused_in_one_line(tmp_path, field, scalar):
    name = field.partition(":")[0]
    refusal(tmp_path / "bad.yaml", GOOD.replace(field, f"{name}: {SCALARS[scalar]}"))


@pytest.mark.parametrize("number", ["60", '"60"', "6e1", "+60.0", "6.e1", ".6e2"])
def test_a_number_may_be_written_in_any_decimal_form(tmp_path, number):
    (tmp_path / "good.yaml").write_text(GOOD.replace("per_hour: 60", f"per_hour: {number}"))
    assert load_workload(tmp_path / "good.yaml").kinds["one"].arrivals.per_hour == 60


def test_the_command_ends_with_one_line_and_status_2(tmp_path, capsys):
    path = tmp_path / "bad.yaml"
    path.write_text(GOOD + '"\\e]0;owned\\a\\u202e": 1\n')
    assert main(["simulate", str(path), "--out", str(tmp_path / "t.csv")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert r"'\x1b]0;owned\x07\u202e': unknown field" in line


def test_aliases_and_merge_keys_are_refused_before_they_multiply(tmp_path):
    names = "abcdefghij"
    laughs = ["a: &a [x, x]", *(f"{b}: &{b} [*{a}, *{a}]" for a, b in pairwise(names))]
    assert refusal(tmp_path / "laughs.yaml", "\n".join(laughs)) == "line 2: the alias *a: write the value itself"
    merges = "a: &a {k: 1}\nb:\n  <<: [*a, *a]\n"
    assert refusal(tmp_path / "merges.yaml", merges) == "line 3: the merge key <<: write the fields themselves"


@pytest.mark.parametrize(
    "content",
    [
        *(part * (MOST_BYTES // len(part)) for part in ("[", "?", "a,", "- ", "{a: ", "&a ", "a\n")),
        '"' + "\\x41" * (MOST_BYTES // 4 - 1) + '"',
        "a: |\n" + " \n" * 120_000,
    ],
    ids=lambda content: content[:6],
)
def test_the_largest_files_are_answered_at_once(tmp_path, content):
    refusal(tmp_path / "large.yaml", content)


def test_all_errors_of_a_file_are_reported_at_once(tmp_path):
    content = GOOD.replace("per_hour: 60", "perhour: 60").replace("memory_limit_mib: 8", "memory_limit_mib: none")
    assert refusal(tmp_path / "bad.yaml", content.replace("fixed 1m}", "fast}")) == (
        "4 errors: (1) memory_limit_mib: must be a number, not 'none': such as 'memory_limit_mib: 32'; "
        "(2) kinds.one.arrivals.per_hour: this field is missing: such as 'per_hour: 600'; "
        "(3) kinds.one.arrivals.perhour: unknown field: did you mean 'per_hour'?; "
        "(4) kinds.one.events.lasts: 'fast' is not a distribution of durations: write 'fixed 30s', 'exponential 5m', "
        "'uniform 29m 31m', 'lognormal 5m 1.2' or 'pareto 1m 1.5'"
    )


def test_many_errors_are_counted(tmp_path):
    content = GOOD + "".join(f"field{number}: 1\n" for number in range(100))
    path = tmp_path / "bad.yaml"
    path.write_text(content)
    with pytest.raises(InputError, match=r"100 errors: \(1\) .*\(20\) field19: unknown field.*; and 80 more$"):
        load_workload(path)


def test_text_that_does_not_show_what_it_is_stays_out_of_pages(tmp_path):
    assert "holds characters that do not show" in refusal(
        tmp_path / "bad.yaml", GOOD.replace("A test", '"safe \\u202e txt"')
    )


def test_a_value_is_text_a_list_a_mapping_or_nothing(tmp_path):
    path = tmp_path / "any.yaml"
    path.write_text("a: 2020-01-01\nb: [1, yes, ~, 'null']\nc: {null: .inf}\n")
    assert read_fields(path) == {"a": "2020-01-01", "b": ["1", "yes", None, "null"], "c": {"null": ".inf"}}


LINES = GOOD.strip().splitlines()


@settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    at=st.integers(0, len(LINES) - 1),
    put=st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    | st.sampled_from([*"[]{}&*!|>%@`\"'#-?:,", "<<: ", "!!bool ", "1e9", "\\", "\x85", "\u2028"]),
    place=st.floats(0, 1),
)
def test_any_damage_loads_or_is_refused_in_one_line(tmp_path, at, put, place):
    lines = list(LINES)
    cut = int(place * len(lines[at]))
    lines[at] = lines[at][:cut] + put + lines[at][cut:]
    path = tmp_path / "damaged.yaml"
    path.write_text("\n".join(lines), encoding="utf-8", newline="")
    try:
        load_workload(path)
    except InputError as error:
        message = str(error)
    else:
        # The damage is in a comment, or in a name.
        return
    assert message.startswith(f"{path}: ")
    assert message.isprintable()
