"""Clinical words: the many spellings of stage, receptors, menopause, subtype, sex and events, in one spelling each.

In scope: values only, one function per column of `patients`. Out of scope: which upstream column has them
(clinical_*.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pandas as pd

from hnbc_assets.vocabulary import Event, Her2Test, Receptor, Response

SUBTYPES = {
    "luma": "LumA",
    "luminal a": "LumA",
    "luminala": "LumA",
    "lumb": "LumB",
    "luminal b": "LumB",
    "luminalb": "LumB",
    "her2": "Her2",
    "her2-enriched": "Her2",
    "basal": "Basal",
    "basal-like": "Basal",
    "normal": "Normal",
    "normal-like": "Normal",
    "claudin-low": "claudin-low",
}
YES = {"1", "yes", "y", "true", "dead", "deceased", "event", "progression", "progressed", "recurred", "relapse"}
YES |= {"relapsed", "recurrence", "died", "death"}
NO = {"0", "no", "n", "false", "alive", "living", "censored", "not recurred", "no event", "disease free", "diseasefree"}
POSITIVE = {"p", "pos", "positive", "positve", "+"}  # METABRIC's files have positve
NEGATIVE = {"n", "neg", "negative", "-"}
SILENT = {
    *("", "na", "n/a", "n.a.", "nan", "#n/a", "none", "null", ".", "?", "--", "'--"),
    *("unknown", "unk", "unspecified", "missing", "nc", "nd", "not reported", "not available", "not evaluated"),
    *("not applicable", "not determined", "not done", "not performed", "not specified", "not tested", "not assessed"),
    *("not allowed to collect", "not recorded"),
}


@dataclass(frozen=True)
class Time:
    """An endpoint's times as the source gives them, and their unit (days, months or years)."""

    values: pd.Series
    unit: str


@dataclass
class Recorded:
    """A source's records of its patients, each slot indexed by patient; a slot that is None was not given."""

    index: pd.Index
    slots: dict[str, pd.Series] = field(default_factory=dict)
    her2_tests: tuple[pd.Series, pd.Series, pd.Series] | None = None
    her2_reported: pd.Series | None = None
    endpoints: dict[str, tuple[pd.Series, pd.Series]] = field(default_factory=dict)
    times: dict[str, Time] = field(default_factory=dict)
    vital_status: pd.Series | None = None


def column(frame: pd.DataFrame, name: str) -> pd.Series:
    """A column of the source, all missing where the source has none."""
    return frame[name] if name in frame else pd.Series(None, index=frame.index, dtype=object, name=name)


def first_column(frame: pd.DataFrame, *names: str) -> pd.Series:
    """The first of several columns that has a value, patient by patient; named after those that exist."""
    found = column(frame, names[0]).map(text)
    for name in names[1:]:
        found = found.where(found.notna(), column(frame, name).map(text))
    return found.rename(", ".join(name for name in names if name in frame) or names[0])


def text(value: object) -> str | None:
    """A value as stripped text; missing and empty values, and words for not available, are None."""
    if value is None or value is pd.NA or value != value:
        return None
    word = str(value).strip()
    return None if word.lower() in SILENT or re.fullmatch(r"\[.*\]", word) else word


def canonical(value: object) -> str | None:
    """A value in lower case, a whole number without decimals (2.0 is 2); None when it means missing."""
    word = text(value)
    return None if word is None else re.sub(r"^([+-]?\d+)\.0*$", r"\1", word.lower())


def sex(value: object) -> str | None:
    """female or male."""
    word = (text(value) or "").lower()
    return {"female": "female", "f": "female", "male": "male", "m": "male"}.get(word)


def menopause(value: object) -> str | None:
    """pre, peri or post; indeterminate is missing."""
    match = re.match(r"(pre|peri|post)", (text(value) or "").lower())
    return match[1] if match else None


def receptor(value: object) -> str | None:
    """positive, negative or indeterminate."""
    word = canonical(value) or ""
    if word in POSITIVE or word in ("1", "er+", "pr+"):
        return Receptor.POSITIVE
    if word in NEGATIVE or word in ("0", "er-", "pr-"):
        return Receptor.NEGATIVE
    return Receptor.INDETERMINATE if word in ("i", "indeterminate", "equivocal", "borderline", "low") else None


def her2(value: object) -> str | None:
    """positive, negative, equivocal or indeterminate; 0 and 1 may be scores and are not understood as words."""
    word = (canonical(value) or "").replace("_", " ").replace("-amplified", " amplified")
    if word in POSITIVE or word in ("amplified", "her2+"):
        return Her2Test.POSITIVE
    if word in NEGATIVE or word in ("not amplified", "non amplified", "her2-"):
        return Her2Test.NEGATIVE
    uncertain = {"i": Her2Test.INDETERMINATE, "indeterminate": Her2Test.INDETERMINATE, "equivocal": Her2Test.EQUIVOCAL}
    return uncertain.get(word)


def her2_score(value: object) -> str | None:
    """0, 1+, 2+ or 3+, from 0, 1, 1.0, 2+ …"""
    match = re.fullmatch(r"([0-3])\s*\+?", canonical(value) or "")
    return None if match is None else "0" if match[1] == "0" else f"{match[1]}+"


def stage(value: object) -> str | None:
    """I, IA … IV, from `Stage IIA`, `iia`, `2.0`; X is missing, 0 (in situ) stays 0."""
    word = (text(value) or "").upper().removeprefix("STAGE").strip()
    word = re.sub(r"^([0-4])(?:\.0)?(?=[ABC]?$)", lambda m: ("0", "I", "II", "III", "IV")[int(m[1])], word)
    return word if re.fullmatch(r"0|(I{1,3}|IV)[ABC]?", word) else None


def stage_group(stage: object) -> str | None:
    """0, I, II, III or IV: a stage as `stage` gives it, without the subdivision."""
    word = text(stage)
    return None if word is None else word.rstrip("ABC")


def tnm(value: object) -> str | None:
    """T1c, N0(i-), N1mi, M0, cM0(i+): category in capitals, the rest in small letters; TX, NX, MX are missing."""
    word = re.sub(r"\s+", "", text(value) or "").upper()
    match = re.fullmatch(r"([CP]?)(T|N|M)(IS|[0-4X])(.*)", word)
    if not match or match[3] == "X":
        return None
    return f"{match[1].lower()}{match[2]}{match[3].lower()}{match[4].lower()}"


def subtype(value: object) -> str | None:
    """LumA, LumB, Her2, Basal, Normal or claudin-low."""
    return SUBTYPES.get((text(value) or "").lower().removeprefix("brca_"))


def yes_no(value: object) -> str | None:
    """yes or no."""
    word = canonical(value) or ""
    return "yes" if word in YES else "no" if word in NO else None


def event(value: object) -> str | None:
    """event or censored, from 1, `1:DECEASED`, `LIVING`, true …; None when it means missing."""
    word = canonical(value) or ""
    match = re.match(r"([01]):", word)
    if match:
        return Event.EVENT if match[1] == "1" else Event.CENSORED
    return Event.EVENT if word in YES else Event.CENSORED if word in NO else None


def response(value: object) -> str | None:
    """pCR or RD."""
    word = canonical(value) or ""
    if word in ("pcr", "1", "yes", "true", "complete"):
        return Response.PCR
    return (
        Response.RD if word in ("rd", "0", "no", "false", "npcr", "non-pcr", "residual", "residual disease") else None
    )
