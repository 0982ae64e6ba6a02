"""Operations and counters as numbers, and an operation as the one byte that compiled code reads."""

import numpy as np

OPS = ("increment", "delete")
COUNTERS = ("no_client", "drops")
INCREMENT, DELETE = range(2)

IS_DELETE, IS_DROPS, COMES_BACK = 1, 2, 4
"""Bits of an operation's code; the last says that the session's next operation of that counter is an increment."""

NONE = np.empty(0, np.int64)
"""A column that a stream does not need."""
