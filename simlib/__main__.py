"""Runs the command line: `python -m simlib`."""

import sys

from simlib.cli.main import main

sys.exit(main())
