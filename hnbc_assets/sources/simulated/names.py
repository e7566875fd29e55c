"""Identifiers that are the same in every run.

In scope: ids made from names. Out of scope: what they identify.
"""

from __future__ import annotations

import uuid

SPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://simulated.invalid/")


def stable_uuid(name: str) -> str:
    """A UUID that depends on the name alone."""
    return str(uuid.uuid5(SPACE, name))
