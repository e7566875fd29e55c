"""Optional stages: if one fails, the rest is made and published without it.

In scope: which of their assets match what is in the lake now, why the others do not, why their last attempts
failed. Out of scope: which stages are optional (defs), publishing (snapshot), what is made next (plan).

An asset of an optional stage is published only while it fits: it was made from what is in the lake now, and its
blocking checks passed. Otherwise its table is published empty: an older table with a newer signature would be a mix.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from hnbc_assets.lake import checks, parquet
from hnbc_assets.lake.attempts import unsuccessful
from hnbc_assets.lake.checks import CheckOutcome
from hnbc_assets.lake.lineage import changed_inputs
from hnbc_assets.lake.paths import Lake
from hnbc_assets.tables.schema import Table

COMPLETE = "_complete"


@dataclass(frozen=True)
class OptionalAsset:
    """An asset of an optional stage, and the name of its published table (None if it is not published)."""

    asset: str
    stage: str
    table: type[Table] | None = None


def unfit(lake: Lake, optional: Iterable[str]) -> dict[str, str]:
    """Those of these assets that do not fit what is in the lake now, each with the reason."""
    names = set(optional)
    made = cache(lambda asset: parquet.find_provenance(lake.table(asset)))

    @cache
    def why(asset: str) -> str:
        own = made(asset)
        if own is None:
            return f"{asset} has not been made"
        if reason := next((reason for above in own.inputs if above in names and (reason := why(above))), ""):
            return reason
        current = {above: found.data_version for above in own.inputs if (found := made(above)) is not None}
        for above in changed_inputs(own.inputs, own.inputs, current):
            return f"{asset} was made from another version of {above} than the one now in the lake"
        blocking = (outcome for outcome in checks.of_asset(lake, asset).values() if outcome.blocking)
        return next(filter(None, (checks.objection(outcome, own.data_version) for outcome in blocking)), "")

    return {asset: reason for asset in sorted(names) if (reason := why(asset))}


def failures(lake: Lake, optional: Iterable[OptionalAsset]) -> dict[str, str]:
    """The stages whose last attempt failed, with the reasons: only these may be left out of a publication."""
    stages = {one.asset: one.stage for one in optional}
    by_stage: dict[str, dict[str, list[str]]] = {}
    for asset, attempt in unsuccessful(lake).items():
        if asset in stages and attempt.reason:
            by_stage.setdefault(stages[asset], {}).setdefault(attempt.reason, []).append(asset)
    return {
        stage: "; ".join(f"{', '.join(assets)} failed: {reason}" for reason, assets in reasons.items())
        for stage, reasons in by_stage.items()
    }


def outcomes(
    optional: Iterable[OptionalAsset],
    left_out: Mapping[str, str],
    failed: Mapping[str, str],
    *,
    publisher: str,
    data_version: str,
    now: str,
) -> list[CheckOutcome]:
    """One check per stage: whether all of its tables are in the database, and if not, why.

    Parameters
    ----------
    left_out : assets that are published as empty tables, each with the reason
    failed : as `failures`
    publisher : the asset that the checks belong to
    """
    by_stage: dict[str, list[OptionalAsset]] = {}
    for one in optional:
        if one.table is not None:
            by_stage.setdefault(one.stage, []).append(one)
    found = []
    for stage, assets in sorted(by_stage.items()):
        empty = [one.asset for one in assets if one.asset in left_out]
        reason = failed.get(stage) or "; ".join(dict.fromkeys(left_out[asset] for asset in empty))
        found.append(
            CheckOutcome(
                publisher,
                f"{stage}{COMPLETE}",
                passed=not empty,
                value=f"{len(assets) - len(empty)} of {len(assets)} tables",
                threshold="all",
                description=f"{', '.join(empty)} {'is' if len(empty) == 1 else 'are'} empty: {reason}"
                if empty
                else f"all tables of the stage {stage} are in the database",
                data_version=data_version,
                evaluated_at=now,
            )
        )
    return found


def lacking(lake: Lake, publisher: str) -> dict[str, str]:
    """The optional stages that the published database lacks, with their empty tables and the reason."""
    kept = checks.of_asset(lake, publisher)
    return {
        name.removesuffix(COMPLETE): outcome.description
        for name, outcome in kept.items()
        if name.endswith(COMPLETE) and not outcome.passed
    }
