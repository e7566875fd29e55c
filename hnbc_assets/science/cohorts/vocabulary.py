"""Vocabulary: what the values in a cohort's records mean, and what happens to those that are not understood.

In scope: the order in which a value is understood (the study's own mapping, R's convention for events, the evident
words), the error for values that are not understood, and the record of all values. Out of scope: the evident words
themselves (clinical_words), which upstream column has them (clinical_*.py).

A mapping of the study replaces the evident words: every value that occurs must then be in it, except those that
evidently mean missing (NA, unknown, not evaluated …).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from hnbc_assets.errors import StudyError
from hnbc_assets.science.cohorts import clinical_words as words
from hnbc_assets.vocabulary import MISSING, Event, Her2Score, Her2Test, Receptor, Response

EVENT = {Event.EVENT: 1.0, Event.CENSORED: 0.0}
MEANINGS = {
    "her2_values": (*Her2Test, MISSING),
    "her2_score_values": (*Her2Score, MISSING),
    "er_values": (*Receptor, MISSING),
    "pr_values": (*Receptor, MISSING),
    "response_values": (*Response, MISSING),
    "event_values": (*Event, MISSING),
}
COLUMNS = ["column_name", "upstream_column", "value", "n_patients", "meaning", "understood_by"]
SHOWN = 12  # values that an error names


@dataclass(frozen=True)
class Mappings:
    """The study's own meanings of a cohort's values, value → meaning (see MEANINGS); `event_values` by endpoint."""

    her2_values: Mapping[str, str] | None = None
    her2_score_values: Mapping[str, str] | None = None
    er_values: Mapping[str, str] | None = None
    pr_values: Mapping[str, str] | None = None
    response_values: Mapping[str, str] | None = None
    event_values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass
class Vocabulary:
    """What one cohort's values mean. `understood` records how each was read, for the table `clinical_values`."""

    cohort: str
    mappings: Mappings = field(default_factory=Mappings)
    understood: list[pd.DataFrame] = field(default_factory=list)

    def er(self, values: pd.Series) -> pd.Series:
        """positive, negative or indeterminate."""
        return self._strict("er_status", values, words.receptor, "er_values", self.mappings.er_values)

    def pr(self, values: pd.Series) -> pd.Series:
        """positive, negative or indeterminate."""
        return self._strict("pr_status", values, words.receptor, "pr_values", self.mappings.pr_values)

    def response(self, values: pd.Series) -> pd.Series:
        """pCR or RD."""
        return self._strict("response", values, words.response, "response_values", self.mappings.response_values)

    def her2(self, column: str, values: pd.Series) -> pd.Series:
        """positive, negative, equivocal or indeterminate, for a test or a reported status."""
        return self._strict(column, values, words.her2, "her2_values", self.mappings.her2_values)

    def her2_score(self, values: pd.Series) -> pd.Series:
        """0, 1+, 2+ or 3+."""
        setting = "her2_score_values"
        return self._strict("her2_ihc_score", values, words.her2_score, setting, self.mappings.her2_score_values)

    def event(
        self, endpoint: str, values: pd.Series, evident: Callable[[object], str | None] | None = None
    ) -> pd.Series:
        """1.0 (event) or 0.0 (censored), NaN where a value means missing.

        Values 1 and 2 are read as in R's `Surv` (1 censored, 2 event) if both occur and no other value does.
        """
        mapping = self.mappings.event_values.get(endpoint)
        occurring = set(values.map(words.canonical).dropna())
        by = "study" if mapping is not None else "evident"
        if mapping is None and occurring == {"1", "2"}:
            mapping, by = {"1": Event.CENSORED, "2": Event.EVENT}, "r_convention"
        understand = evident or words.event
        return (
            self._strict(f"{endpoint}_event", values, understand, "event_values", mapping, by).map(EVENT).astype(float)
        )

    def lenient(self, column: str, values: pd.Series, evident: Callable[[object], str | None]) -> pd.Series:
        """For a column that no result depends on alone: a value that is not understood is recorded as missing."""
        meanings = values.map(evident).astype(object)
        self._record(column, values, meanings, "evident")
        return meanings

    def number(self, column: str, values: pd.Series, least: float, most: float) -> pd.Series:
        """Numbers from `least` to `most`; any other value is recorded as missing, with whether it is implausible."""
        given = values.map(words.text)
        numbers = pd.to_numeric(given, errors="coerce").astype(float)
        unreadable, implausible = given.notna() & numbers.isna(), numbers.notna() & ~numbers.between(least, most)
        nothing = pd.Series(None, index=values.index, dtype=object)
        self._record(column, values[unreadable], nothing[unreadable], "evident")
        self._record(column, values[implausible], nothing[implausible], "evident", unknown="implausible")
        return numbers.mask(implausible)

    def values(self) -> pd.DataFrame:
        """One row per column and value: COLUMNS; `meaning` is missing where the value counts as missing."""
        if not self.understood:
            return pd.DataFrame(columns=COLUMNS)
        return pd.concat(self.understood, ignore_index=True)[COLUMNS]

    def _strict(
        self,
        column: str,
        values: pd.Series,
        evident: Callable[[object], str | None],
        setting: str,
        mapping: Mapping[str, str] | None,
        by: str | None = None,
    ) -> pd.Series:
        """Meanings of values; every value must be understood.

        Raises
        ------
        StudyError
            If a value is not understood; the message names such values, how often they occur, and the setting.
        """
        understand = evident if mapping is None else _lookup(mapping)
        silent = values.map(words.text).isna() & ~_named(values, mapping or {})
        spoken = values[~silent]
        meanings = spoken.map(understand).astype(object)
        if meanings.isna().any():
            raise StudyError(self._not_understood(column, spoken, meanings, setting, mapping))
        meanings = meanings.where(meanings != MISSING, None).reindex(values.index)
        meanings = meanings.where(meanings.notna(), None)
        self._record(column, values, meanings, by or ("evident" if mapping is None else "study"), silent=silent)
        return meanings

    def _record(
        self,
        column: str,
        values: pd.Series,
        meanings: pd.Series,
        by: str,
        unknown: str = "taken as missing",
        silent: pd.Series | None = None,
    ) -> None:
        """Record how each value was understood, `unknown` where it has no meaning; empty values are left out.

        `silent` are the values without a meaning; by default those that evidently have none (NA, unknown …).
        """
        given = values.notna()
        table = pd.DataFrame({"value": values[given].map(_shown), "meaning": meanings[given]}).astype(object)
        table["silent"] = (values.map(words.text).isna() if silent is None else silent)[given]
        table = table[table["value"] != ""]
        if table.empty:
            return
        counted = table.groupby(["value", "meaning", "silent"], dropna=False, sort=False).size()
        counted = counted.rename("n_patients").reset_index()
        known = counted["meaning"].notna() | (by == "study")
        counted["understood_by"] = unknown
        counted.loc[known, "understood_by"] = by
        counted.loc[counted["silent"].astype(bool), "understood_by"] = "says nothing"
        counted["meaning"] = counted["meaning"].where(counted["meaning"].notna(), None)
        self.understood.append(
            counted.assign(column_name=column, upstream_column=str(values.name or column)).sort_values(
                ["n_patients", "value"], ascending=[False, True], ignore_index=True
            )
        )

    def _not_understood(
        self, column: str, spoken: pd.Series, meanings: pd.Series, setting: str, mapping: Mapping[str, str] | None
    ) -> str:
        found = pd.DataFrame({"value": spoken.map(_shown), "meaning": meanings})
        counts = found["value"].value_counts()
        strange = counts[counts.index.isin(set(found.loc[found["meaning"].isna(), "value"]))]
        named = ", ".join(f"{value!r} in {n} patients" for value, n in strange.head(SHOWN).items())
        more = f" and {len(strange) - SHOWN} more" if len(strange) > SHOWN else ""
        # Nothing is suggested for unknown numeric codes: a 1 may not have its usual meaning here.
        coded = all(value.lstrip("+-").replace(".", "", 1).isdigit() for value in counts.index)
        suggested = dict(found.drop_duplicates("value").set_index("value")["meaning"].dropna())
        entries = [f"{_key(v)}: {'…' if coded else suggested.get(v, '…')}" for v in list(counts.index)[:SHOWN]]
        entries += ["…"] if len(counts) > SHOWN else []
        written = "{" + ", ".join(entries) + "}"
        if setting == "event_values":
            written = "{" + f"{column.removesuffix('_event')}: {written}" + "}"
        why = f"not understood for {column}" if mapping is None else f"not in cohorts.{self.cohort}.{setting}"
        return (
            f"{self.cohort}: {str(spoken.name or column)!r} has values that are {why}: {named}{more}. State in the "
            f"study file what each value means: cohorts.{self.cohort}.{setting}: {written} "
            f"(each {', '.join(MEANINGS[setting][:-1])} or {MEANINGS[setting][-1]})."
        )


def _named(values: pd.Series, mapping: Mapping[str, str]) -> pd.Series:
    """Which values the mapping names as written, in any case; these may include words such as NA or unknown."""
    keys = {key.strip().lower() for key in mapping}
    return values.notna() & values.map(lambda value: str(value).strip().lower() in keys)


def _lookup(mapping: Mapping[str, str]) -> Callable[[object], str | None]:
    """Finds a value as the mapping writes it, else in another case or number format (2 and 2.0)."""
    equivalent: dict[str | None, set[str]] = {}
    for key, meaning in mapping.items():
        equivalent.setdefault(words.canonical(key), set()).add(meaning)

    def look(value: object) -> str | None:
        found = mapping.get(str(value).strip())
        others = equivalent.get(words.canonical(value), set())
        return found if found is not None else next(iter(others)) if len(others) == 1 else None

    return look


def _shown(value: object) -> str:
    """A value as the file has it; a whole number without its .0."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _key(value: str) -> str:
    """A value as a key of YAML."""
    plain = value.replace(" ", "").replace("_", "").isalnum() and not value[0].isdigit()
    return value if plain and value.lower() not in ("yes", "no", "on", "off", "true", "false", "null") else f'"{value}"'
