"""Looks: an observation only when a release changed, a failed look told as such, against a real Dagster instance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dagster as dg
import pytest

from hnbc_assets.defs.operation import looks
from hnbc_assets.errors import UpstreamUnreachable
from hnbc_assets.lake.observations import observed
from hnbc_assets.lake.paths import Lake
from hnbc_assets.sources.kinds import source_of
from hnbc_assets.study import PACKAGED, Place, load_study

ONE, TWO = "geo/GSE1", "geo/GSE2"
KEY = dg.AssetKey("geo_releases")
NO_ANSWER = "https://www.ncbi.nlm.nih.gov/geo/GSE1: no answer after 5 tries."


@dataclass(frozen=True)
class Answering(source_of("geo")):
    """A series whose release a test sets."""

    hosts: Any = None

    def release(self, client):
        return self.hosts.answer(self.name)


class Hosts:
    """Two objects of one upstream whose releases a test sets; an exception in the place of a release is raised."""

    def __init__(self, folder):
        self.releases = {ONE: "2019-03-25", TWO: "2020-01-01"}
        self.asked = []
        self.study = load_study(PACKAGED)
        self.place = Place("http://localhost:9", folder / "lake", PACKAGED)
        self.lake = Lake(self.place.data_lake)

    def answer(self, name):
        self.asked.append(name)
        if isinstance(self.releases[name], Exception):
            raise self.releases[name]
        return self.releases[name]

    def upstreams(self, *names):
        return {name: Answering(name, hosts=self) for name in names or self.releases}

    def look(self, instance, *names):
        """Run the looks; the result."""
        self.asked.clear()
        assets = looks.assets(self.study, self.place, self.upstreams(*names))
        job = dg.Definitions(assets=assets, jobs=[looks.job(assets, {})]).resolve_job_def(looks.JOB)
        return job.execute_in_process(instance=instance, raise_on_error=False)


@pytest.fixture
def hosts(tmp_path):
    return Hosts(tmp_path)


@pytest.fixture
def instance(tmp_path):
    with dg.DagsterInstance.local_temp(str(tmp_path)) as made:
        yield made


def observations(instance):
    """The data versions that were ever observed, oldest first."""
    records = instance.fetch_observations(KEY, limit=100, ascending=True).records
    return [record.asset_observation.tags["dagster/data_version"] for record in records]


def reachable(result):
    (check,) = result.get_asset_check_evaluations()
    assert check.check_name == looks.REACHABLE
    return check


def test_the_first_look_is_observed_with_each_object_s_release(hosts, instance):
    result = hosts.look(instance)
    assert result.success
    assert observations(instance) == ["GSE1 2019-03-25; GSE2 2020-01-01"]
    (event,) = [e for e in result.all_events if e.event_type_value == "ASSET_OBSERVATION"]
    told = event.asset_observation_data.asset_observation.metadata
    assert {name: told[name].value for name in hosts.releases} == hosts.releases
    assert reachable(result).passed
    assert observed(hosts.lake, ONE).release == "2019-03-25"


def test_of_one_object_the_data_version_is_its_release(hosts, instance):
    assert hosts.look(instance, ONE).success
    assert observations(instance) == ["2019-03-25"]


def test_a_look_that_finds_nothing_new_adds_no_observation_but_its_time(hosts, instance):
    hosts.look(instance)
    seen = observed(hosts.lake, ONE)
    for _ in range(2):
        result = hosts.look(instance)
        assert result.success
        assert reachable(result).passed
    assert len(observations(instance)) == 1
    assert observed(hosts.lake, ONE).seen_at == seen.seen_at
    assert observed(hosts.lake, ONE).looked_at >= seen.looked_at


def test_a_new_release_is_observed_once_and_going_back_is_news_too(hosts, instance):
    for release in ("2019-03-25", "2026-02-01", "2026-02-01", "2019-03-25"):
        hosts.releases[ONE] = release
        hosts.look(instance, ONE)
    assert observations(instance) == ["2019-03-25", "2026-02-01", "2019-03-25"]


def test_where_one_object_fails_the_other_is_asked_and_kept_and_nothing_is_observed(hosts, instance):
    hosts.look(instance)
    hosts.releases = {ONE: UpstreamUnreachable(NO_ANSWER), TWO: "2026-02-01"}
    result = hosts.look(instance)
    assert not result.success
    assert hosts.asked == [ONE, TWO]
    assert observations(instance) == ["GSE1 2019-03-25; GSE2 2020-01-01"]
    assert observed(hosts.lake, TWO).release == "2026-02-01"
    assert (observed(hosts.lake, ONE).release, observed(hosts.lake, ONE).problem) == ("2019-03-25", NO_ANSWER)


def test_a_failed_look_fails_its_check_and_its_run_in_the_upstream_s_words(hosts, instance):
    hosts.releases[ONE] = UpstreamUnreachable(NO_ANSWER)
    result = hosts.look(instance, ONE)
    assert not result.success
    check = reachable(result)
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.ERROR
    assert check.description == NO_ANSWER
    (failure,) = [e for e in result.all_events if e.event_type_value == "STEP_FAILURE"]
    assert NO_ANSWER in failure.event_specific_data.error.cause.message


def test_both_problems_are_told_where_both_fail(hosts, instance):
    hosts.releases = {name: UpstreamUnreachable(f"{name} is away.") for name in hosts.releases}
    assert reachable(hosts.look(instance)).description == f"{ONE} is away. {TWO} is away."


def test_when_it_answers_again_the_check_passes_and_what_was_missed_is_observed(hosts, instance):
    hosts.look(instance)
    hosts.releases[ONE] = UpstreamUnreachable(NO_ANSWER)
    hosts.look(instance)
    hosts.releases[ONE] = "2026-02-01"
    assert reachable(hosts.look(instance)).passed
    assert observations(instance)[1:] == ["GSE1 2026-02-01; GSE2 2020-01-01"]
    assert observed(hosts.lake, ONE).problem == ""


def test_an_unforeseen_error_is_no_answer_either(hosts, instance):
    hosts.look(instance, ONE)
    hosts.releases[ONE] = KeyError("data_release")
    assert not hosts.look(instance, ONE).success
    assert observations(instance) == ["2019-03-25"]
    assert observed(hosts.lake, ONE).release == "2019-03-25"


@pytest.mark.parametrize("pinned", [ONE, "geo"])
def test_a_pinned_object_is_not_asked(hosts, instance, pinned):
    releases = hosts.study.releases.model_copy(update={"pin": {pinned: "2019-03-25"}})
    hosts.study = hosts.study.model_copy(update={"releases": releases})
    hosts.releases[ONE] = UpstreamUnreachable(NO_ANSWER)
    result = hosts.look(instance, ONE)
    assert result.success
    assert hosts.asked == []
    assert observations(instance) == ["2019-03-25"]


def test_a_kind_of_upstream_is_one_source_and_kinds_that_the_study_lacks_are_none(hosts):
    known = hosts.upstreams() | {"gdsc": source_of("gdsc")("gdsc")}
    made = looks.assets(hosts.study, hosts.place, known)
    assert [asset.key.to_user_string() for asset in made] == ["geo_releases", "gdsc_release"]
    assert not any(asset.is_materializable for asset in made)
