"""Does the kernel say that the wall clock is synchronised (NTP)? Asked with ``adjtimex(2)``.

Only stored wall times lean on it (first-plant.md 4); every duration of control is monotonic (I-07).
"""

from __future__ import annotations

import ctypes

TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
SIZEOF_TIMEX = 512  # more than struct timex has on any Linux


def is_synchronised() -> bool:
    """``True`` when the kernel's clock is disciplined; ``False`` when unknown."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        state: int = libc.adjtimex(ctypes.create_string_buffer(SIZEOF_TIMEX))
    except (OSError, AttributeError):
        return False
    return 0 <= state < TIME_ERROR
