"""The registry of signatures: every signature that was trained here, kept permanently under its content's hash.

In scope: keeping a signature with its provenance, reading it back; which were published and when. Out of scope: which
one is published (defs/stages/promotion.py), what it was made from (lake/origins.py), how one scores (science).

    ROOT/signatures/<signature_id>.json             one trained signature; never changed once written
    ROOT/signatures/<signature_id>.lineage.json     what it was made from (origins.py)
    ROOT/signatures/adopted.jsonl                   which became the published one, and when
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from hnbc_assets.errors import NotInLake
from hnbc_assets.lake.atomic import write_bytes
from hnbc_assets.lake.paths import Lake
from hnbc_assets.tables.signature import Signature, SignatureDescription, SingleSampleSignature

SIGNATURE_ID = re.compile(r"[0-9a-f]{6,64}")
ADOPTED = "registry/adopted"  # the list of adoptions, in the lineage
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Registered:
    """A signature as trained: rows of the tables `signature` and `single_sample_signature`, its description (columns of
    SignatureDescription), and where it comes from. Floats keep all their digits.
    """

    signature_id: str
    signature: Rows
    single_sample: Rows
    description: dict[str, Any]
    trained_on: str
    trained_at: str
    code_version: str
    run_id: str

    @property
    def data_version(self) -> str:
        """Content hash of the signature and of what it was trained on; time and run do not count."""
        return _hash([self.signature_id, self.signature, self.single_sample, self.description, self.trained_on])

    def frames(self) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """Signature, single-sample form and description as frames of their tables, missing numbers as NaN."""
        return (
            Signature.conform(pd.DataFrame(self.signature)),
            SingleSampleSignature.conform(pd.DataFrame(self.single_sample)),
            SignatureDescription.conform(pd.DataFrame([self.description])),
        )


@dataclass(frozen=True)
class Adoption:
    """A signature became the published one. `by` is who promoted it; empty if the study's rule did."""

    signature_id: str
    at: str
    by: str = ""


def records(frame: pd.DataFrame) -> Rows:
    """A frame's rows as JSON stores them: missing values are null."""
    plain = frame.astype(object).where(frame.notna(), None)
    return [
        {name: value.item() if hasattr(value, "item") else value for name, value in row.items()}
        for row in plain.to_dict("records")
    ]


def register(lake: Lake, signature: Registered) -> bool:
    """Keep a signature unless it is known; returns whether it is new."""
    path = file(lake, signature.signature_id)
    if path.exists():
        return False
    write_bytes(path, json.dumps(dataclasses.asdict(signature), indent=1, ensure_ascii=False).encode())
    return True


def file(lake: Lake, signature_id: str) -> Path:
    """Where a signature is kept."""
    return lake.signatures / f"{_checked(signature_id)}.json"


def registered(lake: Lake) -> dict[str, Registered]:
    """Every signature by its id, in the order of training."""
    paths = sorted(p for p in lake.signatures.glob("*.json") if SIGNATURE_ID.fullmatch(p.stem))
    found = [Registered(**json.loads(path.read_bytes())) for path in paths]
    return {one.signature_id: one for one in sorted(found, key=lambda s: (s.trained_at, s.signature_id))}


def signature_of(lake: Lake, signature_id: str) -> Registered:
    """One signature.

    Raises
    ------
    NotInLake
        If it was never trained here.
    """
    known = registered(lake)
    if signature_id not in known:
        raise NotInLake(
            f"No signature {signature_id!r} was trained in this lake; known are {', '.join(known) or 'none'}."
        )
    return known[signature_id]


def adoptions(lake: Lake) -> list[Adoption]:
    """Which signatures became the published one, oldest first."""
    try:
        lines = (lake.signatures / "adopted.jsonl").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [Adoption(**json.loads(line)) for line in lines if line.strip()]


def adopt(lake: Lake, adoption: Adoption) -> None:
    """Record that a signature became the published one, unless the last one is the same."""
    before = adoptions(lake)
    if before and before[-1].signature_id == adoption.signature_id:
        return
    lines = [json.dumps(dataclasses.asdict(one), ensure_ascii=False) for one in [*before, adoption]]
    write_bytes(lake.signatures / "adopted.jsonl", ("\n".join(lines) + "\n").encode())


def adoptions_as_read(lake: Lake) -> dict[str, str]:
    """The list of adoptions as lineage names it, with a hash of the signatures and who promoted them."""
    return {ADOPTED: _hash([[one.signature_id, one.by] for one in adoptions(lake)])}


def _hash(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def _checked(signature_id: str) -> str:
    if not SIGNATURE_ID.fullmatch(signature_id):
        raise ValueError(f"{signature_id!r} is not a signature_id")
    return signature_id
