"""Looks: observed sources, whose data version is the release that an upstream is at.

In scope: `gdc_release` and its siblings, and the job that looks at them all. Out of scope: when that is done
(automation.py), how an upstream is asked (sources).

An observation is emitted only when a release changed, so that a daily look does not fill the event log. A look that
failed is no observation: its check fails, its run fails, and what was seen before stays.
"""

import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from hnbc_assets.defs.attempting import guard
from hnbc_assets.defs.resources import open_client
from hnbc_assets.defs.step import OWNERS
from hnbc_assets.errors import HnbcError
from hnbc_assets.lake.observations import Observation, record_problem, record_release
from hnbc_assets.lake.paths import Lake
from hnbc_assets.sources.upstream import Upstream
from hnbc_assets.sources.web.http import Client
from hnbc_assets.study import Place, Study

JOB = "look"
GROUP = "releases"
REACHABLE = "reachable"


def look(place: Place, study: Study, upstream: Upstream, client: Client) -> Observation:
    """Ask for the release of one object and keep the answer, or the reason why there is none.

    Raises
    ------
    HnbcError
        The upstream could not be reached, or did not answer with a release.
    """
    lake = Lake(place.data_lake)
    try:
        release = study.releases.pinned(upstream.name) or upstream.release(client)
    except HnbcError as error:
        record_problem(lake, upstream.name, str(error), _now())
        raise
    return record_release(lake, upstream.name, release, _now())


def data_version(observations: dict[str, Observation]) -> str:
    """The release where there is one object; otherwise each object's name with its release."""
    if len(observations) == 1:
        return next(iter(observations.values())).release
    return "; ".join(f"{name.partition('/')[2] or name} {seen.release}" for name, seen in sorted(observations.items()))


def assets(study: Study, place: Place, known: dict[str, Upstream]) -> list[dg.AssetsDefinition]:
    """An observed source a kind of upstream."""
    by_look: dict[str, list[Upstream]] = {}
    for upstream in known.values():
        by_look.setdefault(upstream.look, []).append(upstream)
    return [_observed(name, by_look[name], study, place) for name in by_look]


def job(sources: list[dg.AssetsDefinition], tags: dict[str, str]) -> Any:
    """The job that looks at every upstream once."""
    return dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.assets(*(key for source in sources for key in source.keys)),
        description="Looks at every upstream's release once; fetches nothing.",
        tags=tags,
    )


def _observed(name: str, upstreams: list[Upstream], study: Study, place: Place) -> dg.AssetsDefinition:
    key = dg.AssetKey(name)
    described = f"{upstreams[0].seen} Of {', '.join(u.name for u in upstreams)}. Observed only when it changes."
    spec = dg.AssetSpec(key, description=described, group_name=GROUP, owners=OWNERS, kinds={"source"}, skippable=True)
    check = dg.AssetCheckSpec(REACHABLE, asset=key, description="The last look reached the upstream.")

    def observe(context: dg.OpExecutionContext) -> Iterator[Any]:
        guard(context, study, place)
        seen: dict[str, Observation] = {}
        problems: list[HnbcError] = []
        with open_client(place, study) as client:
            for upstream in upstreams:
                try:
                    seen[upstream.name] = look(place, study, upstream, client)
                except HnbcError as error:
                    problems.append(error)
        if not problems and data_version(seen) != _observed_before(context.instance, key):
            metadata = {name: observation.release for name, observation in seen.items()}
            metadata |= {"upstream": place.watermark or place.upstream}
            yield dg.ObserveResult(asset_key=key, data_version=dg.DataVersion(data_version(seen)), metadata=metadata)
        yield dg.AssetCheckResult(
            asset_key=key,
            check_name=REACHABLE,
            passed=not problems,
            severity=dg.AssetCheckSeverity.ERROR,
            description=" ".join(map(str, problems)) or f"at {data_version(seen)}",
        )
        if problems:
            raise problems[0]

    with warnings.catch_warnings(action="ignore", category=dg.BetaWarning):  # one observed source may stay silent
        return dg.multi_observable_source_asset(name=f"look_{name}", specs=[spec], check_specs=[check])(observe)


def _observed_before(instance: dg.DagsterInstance, key: dg.AssetKey) -> str | None:
    """The data version of the latest observation that was emitted."""
    records = instance.fetch_observations(key, limit=1).records
    observation = records[0].asset_observation if records else None
    return observation.tags.get("dagster/data_version") if observation else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
