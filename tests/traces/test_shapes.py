"""One truth in the forms in which people have it, where such files lie beside the project: each gives its ledgers."""

import json

import pytest

from simlib.cli.main import main
from tests.paths import CASES, SHAPES

OPTIONS = {
    "journald.jsonl": ["--columns", "session=_PID"],
    "relative_ms_named.csv": ["--unit", "ms"],
}
"""The options without which a file cannot be read rightly; of the others there are none."""


@pytest.mark.parametrize("path", SHAPES, ids=lambda path: path.name)
def test_a_shape_gives_the_ledgers_that_are_right(capsys, path):
    expected = json.loads((CASES / "expected.json").read_text(encoding="utf-8"))[f"shapes/{path.name}"]
    for ledger in expected:
        settings = {
            "--max-entries": ledger["max_entries"],
            "--ttl": f"{ledger['ttl_seconds']}s",
            "--prune-every": ledger["prune_every"],
        }
        arguments = [str(each) for pair in settings.items() for each in pair]
        assert main(["replay", str(path), *arguments, *OPTIONS.get(path.name, []), "--json"]) == 0
        captured = capsys.readouterr()
        found = json.loads(captured.out)
        assert {name: found[name] for name in ledger} == ledger
        assert "(2.43 h)" in captured.err.splitlines()[0]
