"""Where the project lies, and the real logs that may lie beside it: tests for trials only, as they belong to others."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
LOGS = sorted((ROOT.parent / "shared/traces").glob("*.csv.gz"))
CASES = ROOT.parent / "shared/cases"
"""Files in the forms in which people have them, with the ledgers that are right."""
SHAPES = sorted(path for path in (CASES / "shapes").glob("*") if path.is_file())
HOSTILE = sorted(path for path in (CASES / "hostile").glob("*") if path.is_file())
"""Small inputs that ended badly."""
