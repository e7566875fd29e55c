"""The registry of signatures: every signature that was trained here, kept permanently under its content's hash.

In scope: keeping a signature with its provenance, reading it back; which were published and when. Out of scope: which
one is published (defs/stages/promotion.py), what it was made from (signature_lineage.py), how one scores (science).

    ROOT/signatures/<signature_id>.json             one trained signature; never changed once written
    ROOT/signatures/<signature_id>.lineage.json     what it was made from (signature_lineage.py)
    ROOT/signatures/adopted.jsonl                   which became the published one, and when
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

import pandas as pd

from hnbc_assets.errors import NotInLake
from hnbc_assets.lake.paths import Lake
from hnbc_assets.lake.records import Journal, Records
from hnbc_assets.tables.signature import Signature, SignatureDescription, SingleSampleSignature

SIGNATURE_ID = re.compile(r"[0-9a-f]{6,64}")
ADOPTED = "registry/adopted"  # the list of adoptions, in the lineage
REMEDY = "Put back a copy, or delete it: the signature is then unknown."
ADOPTED_REMEDY = "Put back a copy of the file, or delete this line: when it was adopted is then unknown."
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
    if is_registered(lake, signature.signature_id):
        return False
    _records(lake).write(signature.signature_id, signature)
    return True


def is_registered(lake: Lake, signature_id: str) -> bool:
    """Whether a signature was trained here."""
    return _records(lake).path(signature_id).exists()


def registered(lake: Lake) -> dict[str, Registered]:
    """Every signature by its id, in the order of training."""
    found = _records(lake).all().values()
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
    return _adoptions(lake).all()


def adopt(lake: Lake, adoption: Adoption) -> None:
    """Record that a signature became the published one, unless the last one is the same."""
    before = adoptions(lake)
    if not before or before[-1].signature_id != adoption.signature_id:
        _adoptions(lake).add(adoption)


def adoptions_as_read(lake: Lake) -> dict[str, str]:
    """The list of adoptions as lineage names it, with a hash of the signatures and who promoted them."""
    return {ADOPTED: _hash([[one.signature_id, one.by] for one in adoptions(lake)])}


def _hash(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def _records(lake: Lake) -> Records[Registered]:
    return Records(Registered, lake.signatures, REMEDY, pattern=SIGNATURE_ID)


def _adoptions(lake: Lake) -> Journal[Adoption]:
    return Journal(Adoption, lake.signatures / "adopted.jsonl", ADOPTED_REMEDY)
