"""How a command ended."""

from dataclasses import dataclass


@dataclass
class Ended:
    """How a command ended, and its output."""

    status: int
    out: str
    err: str
