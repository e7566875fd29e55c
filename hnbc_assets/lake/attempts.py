"""Unsuccessful attempts to make an asset: what stopped them, and what they were based on.

In scope: keeping the latest attempt of an asset until one succeeds. Out of scope: deciding whether to try again (plan).

An attempt that has neither succeeded nor failed belongs to a process that was killed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hnbc_assets.lake.paths import Lake
from hnbc_assets.lake.records import Records

REMEDY = "Delete it: the asset is then made again as if it had not been tried."


@dataclass(frozen=True)
class Attempt:
    """The latest attempt. `basis` identifies what it was made from: code, inputs, release, decisions of people.

    `tries` counts attempts on that basis. `reason` is empty while it runs, or when its process was killed. `held` says
    that a gate stopped it and a person can accept it; `damaged` that archived files differ from what was recorded.
    """

    asset: str
    basis: str
    tries: int
    begun_at: str
    run_id: str = ""
    reason: str = ""
    held: bool = False
    damaged: bool = False


def latest(lake: Lake, asset: str) -> Attempt | None:
    """The latest attempt of an asset that did not succeed, if there is one."""
    return _records(lake).find(asset)


def unsuccessful(lake: Lake) -> dict[str, Attempt]:
    """The latest attempt of every asset whose latest attempt did not succeed."""
    return _records(lake).all()


def begin(lake: Lake, asset: str, basis: str, run_id: str, now: str) -> None:
    """Record that an asset is being made."""
    before = latest(lake, asset)
    tries = before.tries + 1 if before is not None and before.basis == basis else 1
    _records(lake).write(asset, Attempt(asset, basis, tries, now, run_id))


def fail(lake: Lake, asset: str, reason: str, *, held: bool = False, damaged: bool = False) -> None:
    """Record why the current attempt failed."""
    begun = latest(lake, asset)
    if begun is not None:
        _records(lake).write(asset, replace(begun, reason=reason, held=held, damaged=damaged))


def succeed(lake: Lake, asset: str) -> None:
    """Delete the record of the attempt: the asset was made."""
    _records(lake).delete(asset)


def _records(lake: Lake) -> Records[Attempt]:
    return Records(Attempt, lake.attempts, REMEDY)
