"""Decisions of people: releases that they accepted although a gate held them, signatures that they promoted.

In scope: keeping permanently who decided what and when. Out of scope: what follows from it (defs).
"""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from hnbc_assets.lake.paths import Lake
from hnbc_assets.lake.records import Journal

Kind = Literal["accept", "promote"]
REMEDY = "Put back a copy of the file, or delete this line: the decision is then lost."


@dataclass(frozen=True)
class Decision:
    """For `kind` accept, `subject` is the upstream and `choice` its release; for promote, `choice` is a signature_id.

    `evidence` is why the gate held the release, or what the challenger was compared with.
    """

    kind: Kind
    subject: str
    choice: str
    by: str
    at: str
    evidence: str = ""


def decisions(lake: Lake, kind: Kind | None = None) -> list[Decision]:
    """All decisions, or those of one kind, oldest first."""
    return [decision for decision in _journal(lake).all() if kind in (None, decision.kind)]


def decide(lake: Lake, decision: Decision) -> None:
    """Add a decision; decisions are never changed or deleted."""
    _journal(lake).add(decision)


def accepted_releases(accepted: Iterable[Decision]) -> pd.DataFrame:
    """Decisions of kind accept as rows of the table accepted_releases."""
    rows = [(one.subject, one.choice, one.by, one.at, one.evidence) for one in accepted]
    return pd.DataFrame(rows, columns=["source", "release", "accepted_by", "accepted_at", "evidence"])


def as_read(made: Iterable[Decision]) -> dict[str, str]:
    """Decisions as lineage names them, each with its time: if several are equal, that of the last one."""
    return {f"decision/{one.kind}/{one.subject}/{one.choice}": one.at for one in made}


def this_person() -> str:
    """Who is deciding: the user of this process and the machine (through sudo, who called it)."""
    return f"{os.environ.get('SUDO_USER') or getpass.getuser()}@{socket.gethostname()}"


def _journal(lake: Lake) -> Journal[Decision]:
    return Journal(Decision, lake.decisions, REMEDY)
