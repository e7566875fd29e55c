"""Ending a command that has started nothing.

In scope: what a signal does before anything is started. Imports nothing slow. Out of scope: stopping what has
been started (process).
"""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)
MESSAGE = b"Stopped. Nothing had been started.\n"


def leave_at_once(number: int, frame: FrameType | None = None) -> NoReturn:
    """End the process before it has started anything, with the signal's status.

    Not with an exception: modules that are being imported suppress it, or raise another.
    """
    os.write(2, MESSAGE)
    os._exit(128 + number)
