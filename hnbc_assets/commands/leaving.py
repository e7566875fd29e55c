"""Ending a command that has begun nothing.

In scope: what a signal does before anything is begun. Imports nothing that takes time. Out of scope: stopping what has
been begun (interruption).
"""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)
MESSAGE = b"Stopped. Nothing had been begun.\n"


def leave_at_once(number: int, frame: FrameType | None = None) -> NoReturn:
    """End the process before it has begun anything, with the signal's status.

    Not by an exception: modules that are being imported swallow it, or raise another.
    """
    os.write(2, MESSAGE)
    os._exit(128 + number)
