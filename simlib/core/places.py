"""Locates the notebooks and the data: the top-level folders of a checkout, or their copies in an installed package."""

import os
from pathlib import Path

PACKAGE = Path(__file__).parents[1]

SHIPPED = PACKAGE / "_shipped"
"""The copies that a wheel carries; a checkout has none."""

INSTALLED = SHIPPED.is_dir()

_ROOT = SHIPPED if INSTALLED else PACKAGE.parent

NOTEBOOKS = _ROOT / "notebooks"
WORKLOADS = _ROOT / "data" / "workloads"
INCIDENTS = _ROOT / "data" / "incidents"
WORKLOAD_SCHEMA = _ROOT / "data" / "workload.schema.json"
CALIBRATION = _ROOT / "data" / "calibration"
PEERS = _ROOT / "data" / "peers"
JUPYTER = _ROOT / "data"
"""Jupyter finds the settings of JupyterLab in its folder `labconfig`."""

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "simlib" if INSTALLED else _ROOT / "build"
"""Holds what can be built again, such as Go programs. An installed package may lie where its user must not write."""
