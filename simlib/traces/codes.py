"""An operation of a stream as one byte, as compiled code reads it."""

import numpy as np

IS_DELETE, IS_DROPS, COMES_BACK = 1, 2, 4
"""Bits of an operation's code; the last says that the session's next operation of that counter is an increment."""

NONE = np.empty(0, np.int64)
"""A column that a stream does not need."""
