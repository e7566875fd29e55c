"""Samples: one primary-tumour aliquot per patient, by a fixed and recorded rule.

In scope: the choice among samples of a patient. Out of scope: which samples a source has (sources).

The rule: primary tumours only; sample type 01 before others; RNA analyte (R) before others; the higher plate; then the
barcode's order. It reads TCGA barcodes (TCGA-TSS-PPPP-SSV-NNA-PLATE-CC); other ids are chosen by their order.
"""

from __future__ import annotations

import re

import pandas as pd

BARCODE = re.compile(
    r"TCGA-\w{2}-\w{4}-(?P<code>\d{2})(?P<vial>[A-Z]?)(?:-\d{2}(?P<analyte>[A-Z])?)?(?:-(?P<plate>\w{4}))?(?:-\w{2})?"
)
STEPS = ("sample type 01", "RNA analyte", "higher plate", "barcode order")
OTHERS = {"normal": "normal tissue", "metastatic": "metastasis", "recurrent": "recurrence"}


def choose_samples(samples: pd.DataFrame) -> pd.DataFrame:
    """The samples with `selected` and `reason`.

    Parameters
    ----------
    samples : sample_id, patient_id, sample_type (primary, normal, metastatic, recurrent, other), and anything else

    Returns
    -------
    The same rows in the same order. `reason` gives for the selected sample the step of the rule that decided, and among
    how many; for the others, why they were not selected.
    """
    primary = samples["sample_type"].eq("primary")
    selected = pd.Series(False, index=samples.index)
    kinds = samples["sample_type"]
    reason = ("not a primary tumour: " + kinds.map(lambda kind: OTHERS.get(kind, str(kind)))).mask(primary, "")
    for patient, group in samples[primary].groupby("patient_id", sort=False):
        keys = {row: _rank(str(sample)) for row, sample in group["sample_id"].items()}
        order = sorted(keys, key=keys.__getitem__)
        selected[order[0]] = True
        if len(order) == 1:
            reason[order[0]] = "the only primary aliquot"
            continue
        chosen = group.at[order[0], "sample_id"]
        reason[order[0]] = f"of {len(order)} primary aliquots by {_decided(keys[order[0]], keys[order[1]])}"
        for row in order[1:]:
            reason[row] = f"{chosen} was selected for {patient} by {_decided(keys[order[0]], keys[row])}"
    return samples.assign(selected=selected, reason=reason)


def _rank(sample_id: str) -> tuple[bool, bool, tuple[int, ...], str]:
    """What the rule compares, smaller first: not 01, not RNA, plate downwards, barcode."""
    match = BARCODE.fullmatch(sample_id)
    if match is None:
        return False, False, (), sample_id
    plate = tuple(-ord(letter) for letter in match["plate"] or "")
    return match["code"] != "01", (match["analyte"] or "R") != "R", plate, sample_id


def _decided(chosen: tuple, other: tuple) -> str:
    """The first step of the rule that distinguishes two samples."""
    return next(step for step, one, two in zip(STEPS, chosen, other, strict=True) if one != two)
