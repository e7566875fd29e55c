"""Pace: hosts that allow few requests per second are queried no faster, however many threads there are.

In scope: which hosts those are, and the wait before a request. Out of scope: waits after a failure (http.py).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

# NCBI allows one client at most three requests a second.
SECONDS_BETWEEN = {"www.ncbi.nlm.nih.gov": 0.34, "ftp.ncbi.nlm.nih.gov": 0.34}


class Pace:
    """Spreads one process's requests to each of these hosts; safe to share between threads.

    Parameters
    ----------
    clock : monotonic, seconds
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next: dict[str, float] = {}
        self._lock = threading.Lock()

    def due(self, host: str) -> float:
        """Seconds to wait before a request to a host; reserves that moment, so that the next request waits longer."""
        between = SECONDS_BETWEEN.get(host)
        if between is None:
            return 0.0
        with self._lock:
            now = self._clock()
            at = max(now, self._next.get(host, now))
            self._next[host] = at + between
        return at - now
