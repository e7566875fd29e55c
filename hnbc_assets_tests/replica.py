"""The replica of the real hosts: where it is, and one in a process of its own."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any


def find_shared() -> Path | None:
    """The folder of the shared real data: HNBC_SHARED, or `shared` next to the repository."""
    place = Path(os.environ.get("HNBC_SHARED") or Path(__file__).resolve().parents[2] / "shared")
    return place if (place / "tools" / "upstream_replica.py").is_file() else None


class Replica:
    """A replica of the upstream hosts in a process of its own; `base` is what HNBC_UPSTREAM is set to."""

    def __init__(self, shared: Path, limit: int | None = None) -> None:
        command = [sys.executable, str(shared / "tools" / "upstream_replica.py"), "--port", "0"]
        command += ["--limit", str(limit)] if limit else []
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        atexit.register(self.stop)
        self.base = self.process.stdout.readline().strip()
        if not self.base.startswith("http"):
            raise RuntimeError("the replica did not start")
        self._before: dict[str, int] = {}

    def control(self, **orders: Any) -> dict[str, Any]:
        """Give orders (release=…, fault=…, poison=…, revise=…); the answer contains the counters."""
        request = urllib.request.Request(
            f"{self.base}/_control", data=json.dumps(orders).encode(), headers={"Content-Type": "application/json"}
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=120) as answer:
            return json.load(answer)

    def reset(self, release: str = "45.0") -> None:
        """Reset everything: the older release, no faults, counters at zero."""
        self.control(release=release, fault=None, poison=None, revise=[], tar=None, gdsc=None)
        self.forget()

    def forget(self) -> None:
        """Count requests from here on."""
        self._before = self.control()["requests"]

    def requests(self, containing: str = "") -> dict[str, int]:
        """How often each path was requested since the test began (or `forget`)."""
        now = self.control()["requests"]
        new = {path: n - self._before.get(path, 0) for path, n in now.items() if containing in path}
        return {path: n for path, n in new.items() if n}

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:  # busy, on a busy machine; it has nothing worth keeping
            self.process.kill()
            self.process.wait()
