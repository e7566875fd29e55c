"""Bodies of files: rendered on request, kept within a limit, their size and checksum cached.

In scope: when a file's bytes are made and how long they are cached. Out of scope: their content.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable

HELD_BYTES = 192 * 2**20


class Bodies:
    """Bytes by name; safe to share between threads. Equal worlds render equal bytes, so a body may be dropped and made
    again.
    """

    def __init__(self, held_bytes: int = HELD_BYTES) -> None:
        self._renderers: dict[str, Callable[[], bytes]] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._held: OrderedDict[str, bytes] = OrderedDict()
        self._facts: dict[str, tuple[int, str]] = {}
        self._lock = threading.Lock()
        self._room = held_bytes

    def __contains__(self, name: str) -> bool:
        return name in self._renderers

    def names(self) -> list[str]:
        """Every name that can be rendered, sorted."""
        with self._lock:
            return sorted(self._renderers)

    def add(self, name: str, render: Callable[[], bytes]) -> None:
        """Register `render` for `name`; a known name is unchanged."""
        with self._lock:
            if name not in self._renderers:
                self._renderers[name], self._locks[name] = render, threading.Lock()

    def get(self, name: str) -> bytes:
        """The bytes of a name, rendered now unless they are cached."""
        with self._locks[name]:
            with self._lock:
                if name in self._held:
                    self._held.move_to_end(name)
                    return self._held[name]
            body = self._renderers[name]()
            with self._lock:
                self._facts[name] = (len(body), hashlib.md5(body, usedforsecurity=False).hexdigest())
                self._held[name] = body
                self._room -= len(body)
                while self._room < 0 and len(self._held) > 1:
                    self._room += len(self._held.popitem(last=False)[1])
            return body

    def facts(self, name: str) -> tuple[int, str]:
        """(size in bytes, md5) of a name."""
        if name not in self._facts:
            self.get(name)
        return self._facts[name]
