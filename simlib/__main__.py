"""Runs the command line: `python -m simlib`."""

import sys

from simlib.core.surroundings import leave

if __name__ == "__main__":
    leave()
    from simlib.cli.main import interrupt_at_endings, main

    interrupt_at_endings()
    sys.exit(main())
