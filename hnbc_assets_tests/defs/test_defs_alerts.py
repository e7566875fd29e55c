"""Alerts: what is read from a failed run, and the sensor that tells of it, with events that are kept on disk."""

import dagster as dg
import pytest
from listeners import TOKEN, body, mail_listener, plain, webhook_listener

from hnbc_assets.defs.operation.alerts import SENSOR, WORKER_TAG, failure_of, sensors
from hnbc_assets.errors import GateHeld, UpstreamUnreachable
from hnbc_assets.study import PACKAGED, Place, load_study
from hnbc_assets.study_operation import Alerts, Refresh


@pytest.fixture
def webhook():
    with webhook_listener() as listener:
        yield listener


@pytest.fixture
def post_office():
    with mail_listener() as listener:
        yield listener


@pytest.fixture(autouse=True)
def direct(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


@pytest.fixture
def study():
    return load_study(PACKAGED)


@pytest.fixture
def place(tmp_path):
    return Place("simulated", tmp_path / "lake", PACKAGED)


@pytest.fixture
def instance(tmp_path):
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


@dg.asset(key_prefix="raw", name="gdc")
def unreachable():
    try:
        raise ConnectionError("errno 111")
    except ConnectionError as error:
        raise UpstreamUnreachable("api.gdc.cancer.gov cannot be reached: try again later.") from error


@dg.asset
def unforeseen():
    return {}["brca"]


@dg.asset(check_specs=[dg.AssetCheckSpec("rows", asset="checked", blocking=True)])
def checked():
    yield dg.MaterializeResult()
    yield dg.AssetCheckResult(passed=False, description="too few rows", metadata={"value": 3, "threshold": 10})


@dg.multi_asset(specs=[dg.AssetSpec("patients"), dg.AssetSpec("exclusions"), dg.AssetSpec("cohorts")])
def several():
    raise GateHeld("gdc/TCGA-BRCA 46.0 loses 12 % of its patients. Accept it: hnbc refresh --accept gdc/TCGA-BRCA.")


@dg.observable_source_asset
def observed():
    raise UpstreamUnreachable("ftp.ncbi.nlm.nih.gov cannot be reached.")


def run(instance, *assets, raise_on_error=False, **options):
    definitions = dg.Definitions(assets=list(assets), jobs=[dg.define_asset_job("study", selection="*")])
    job = definitions.resolve_job_def("study")
    return job.execute_in_process(instance=instance, raise_on_error=raise_on_error, **options)


def test_a_failure_tells_own_errors_in_their_own_words_and_by_asset(instance, study, place):
    failure = failure_of(instance, run(instance, unreachable, several, checked).run_id, study, place)
    told = {entry.name: (entry.reason, entry.exit_status) for entry in failure.entries}
    assert told == {
        "raw/gdc": ("api.gdc.cancer.gov cannot be reached: try again later.", 3),
        "checked": ("blocking check rows: too few rows; found: 3; allowed: 10", 1),
        "cohorts and 2 more": (
            "gdc/TCGA-BRCA 46.0 loses 12 % of its patients. Accept it: hnbc refresh --accept gdc/TCGA-BRCA.",
            4,
        ),
    }
    assert set(failure.assets) == {"raw/gdc", "checked", "patients", "exclusions", "cohorts"}
    assert (failure.simulated, failure.study, failure.lake) == (True, study.title, str(place.data_lake))
    assert "raw/gdc could not be fetched: api.gdc" in failure.text
    assert "cohorts and 2 more is held for a person: gdc/TCGA-BRCA" in failure.text
    assert "Error occurred while executing op" not in failure.text


def test_an_error_that_was_not_foreseen_keeps_its_type(instance, study, place):
    [entry] = failure_of(instance, run(instance, unforeseen).run_id, study, place).entries
    assert (entry.name, entry.reason, entry.exit_status) == ("unforeseen", "KeyError: 'brca'", 1)


def test_an_observation_that_failed_is_named_by_its_asset(instance, study, place):
    job = dg.define_asset_job("look", selection=dg.AssetSelection.assets("observed"))
    definitions = dg.Definitions(assets=[observed], jobs=[job])
    done = definitions.resolve_job_def("look").execute_in_process(instance=instance, raise_on_error=False)
    failure = failure_of(instance, done.run_id, study, place)
    assert (failure.job, failure.assets) == ("look", ("observed",))


def test_a_run_whose_process_died_is_told_with_what_is_known(instance, study, place):
    begun = instance.create_run_for_job(dg.define_asset_job("study").resolve(asset_graph=graph_of(checked)))
    instance.report_run_failed(begun, "The process of this run ended without an error message.")
    failure = failure_of(instance, begun.run_id, study, place)
    assert failure.subject.startswith("SIMULATED · the run of study failed")
    assert failure.reason == "The process of this run ended without an error message."
    assert failure.assets == ()


def graph_of(*assets):
    return dg.Definitions(assets=list(assets)).resolve_asset_graph()


def test_no_failure_is_made_of_a_run_that_went_well_or_is_unknown(instance, study, place):
    @dg.asset
    def fine():
        return None

    assert failure_of(instance, run(instance, fine).run_id, study, place) is None
    assert failure_of(instance, "no such run", study, place) is None


def with_alerts(study, **alerts):
    return study.model_copy(update={"alerts": Alerts(**alerts)})


def tick(sensor, instance, cursor, repository=None):
    """One evaluation, as the daemon asks for it."""
    context = dg.build_sensor_context(instance=instance, cursor=cursor, repository_name=repository)
    return sensor.evaluate_tick(context)


def errors(evaluated):
    return [reaction.error.to_string() for reaction in evaluated.dagster_run_reactions if reaction.error]


def test_there_is_no_sensor_where_nobody_is_named(study, place):
    assert sensors(study, place) == []


def test_the_sensor_runs_by_itself_and_as_often_as_the_study_looks(study, place):
    [sensor] = sensors(with_alerts(study, webhook="env:X"), place)
    assert (sensor.name, sensor.minimum_interval_seconds) == (SENSOR, 30)
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    often = study.model_copy(update={"refresh": Refresh(tick_seconds=5), "alerts": Alerts(webhook="env:X")})
    assert sensors(often, place)[0].minimum_interval_seconds == 5


def test_the_sensor_tells_each_failed_run_once(instance, study, place, webhook, post_office):
    [sensor] = sensors(with_alerts(study, webhook=webhook.address, email=plain(post_office)), place)
    cursor = tick(sensor, instance, None).cursor
    failed = run(instance, unreachable)
    evaluated = tick(sensor, instance, cursor)
    assert errors(evaluated) == []
    tick(sensor, instance, evaluated.cursor)
    [(_, content)] = webhook.received
    assert content["asset"] == "raw/gdc"
    assert content["reason"] == "api.gdc.cancer.gov cannot be reached: try again later."
    assert content["run_id"] == failed.run_id
    [mail] = post_office.mails
    assert failed.run_id in body(mail)


def test_an_alert_that_could_not_be_sent_is_the_ticks_error_without_a_secret(instance, study, place):
    [sensor] = sensors(with_alerts(study, webhook=f"http://127.0.0.1:1/{TOKEN}"), place)
    cursor = tick(sensor, instance, None).cursor
    run(instance, unreachable)
    [error] = errors(tick(sensor, instance, cursor))
    assert "webhook 127.0.0.1:1: it cannot be reached" in error
    assert "raw/gdc could not be fetched" in error
    assert TOKEN not in error


def test_an_alert_that_went_well_does_not_hide_one_of_the_same_tick_that_did_not(instance, study, place, webhook):
    webhook.answers = [404, 200]
    [sensor] = sensors(with_alerts(study, webhook=webhook.address), place)
    cursor = tick(sensor, instance, None).cursor
    run(instance, unreachable), run(instance, unforeseen)
    evaluated = tick(sensor, instance, cursor)
    assert len(webhook.received) == 2
    assert "404" in errors(evaluated)[-1]
    run(instance, unforeseen)
    assert errors(tick(sensor, instance, evaluated.cursor)) == []


def test_the_sensor_skips_a_run_in_a_terminal(instance, study, place, webhook):
    """Whoever started it sees its failure there; `failure_of` and `notify` can report it."""
    [sensor] = sensors(with_alerts(study, webhook=webhook.address), place)
    cursor = tick(sensor, instance, None).cursor
    failed = run(instance, unforeseen, tags={WORKER_TAG: "here:1"})
    cursor = tick(sensor, instance, cursor).cursor
    assert webhook.received == []
    assert failure_of(instance, failed.run_id, study, place) is not None
    run(instance, unforeseen)
    tick(sensor, instance, cursor)
    assert len(webhook.received) == 1
