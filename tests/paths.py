"""Where the project lies, and the real logs that may lie beside it: tests for trials only, as they belong to others."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
LOGS = sorted((ROOT.parent / "shared/traces").glob("*.csv.gz"))
