"""Housekeeping: which archived releases and leftovers go, and the weekly job that does it."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import duckdb
import pandas as pd
import pytest

from hnbc_assets.defs.operation.archive_check import needed, verify
from hnbc_assets.defs.operation.retention import housekeeping, keep_house, releases_in_use
from hnbc_assets.lake import parquet, registry, signature_lineage
from hnbc_assets.lake.atomic import locked
from hnbc_assets.lake.checks import of_asset
from hnbc_assets.lake.io_manager import LakeIOManager
from hnbc_assets.lake.parquet import Provenance
from hnbc_assets.lake.paths import Lake
from hnbc_assets.sources.archive import views as archive_views
from hnbc_assets.sources.archive.intact import set_aside
from hnbc_assets.sources.archive.manifest import COLUMNS
from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.study_operation import Releases
from hnbc_assets_tests.defs.old_runs import ASSETS


@pytest.fixture
def pruning(monkeypatch):
    """What `prune` of the archive is asked; what it does has its own tests."""
    asked = []

    def prune(archive, keep, in_use, needed, protected):
        asked.append((archive.root, keep, dict(in_use)))
        return archive_views.Pruned(("gdc/TCGA-BRCA 43.0",), 2, 300)

    monkeypatch.setattr(archive_views, "prune", prune)
    return asked


def put_manifest(lake, name, *rows):
    frame = pd.DataFrame([dict.fromkeys(COLUMNS, "x") | {"size_bytes": 1} | row for row in rows], columns=list(COLUMNS))
    made = Provenance(asset=f"raw/{name}", data_version="1", code_version="1")
    parquet.write(lake.table(f"raw/{name}"), frame, made)


@pytest.fixture
def lake(place):
    lake = Lake(place.data_lake)
    for name, release in (("gdc/TCGA-BRCA", "46.0"), ("geo/GSE25055", "2019-03-25")):
        file = {"file_id": "f", "url": "https://x.org/f", "path": "f.txt", "content": b"f"}
        put_manifest(lake, name, dict(Archive(lake.raw).store(name.split("/")[0], release, **file)))
    return lake


def test_releases_in_use_are_those_that_the_tables_were_made_from(lake):
    assert releases_in_use(lake) == {"gdc/TCGA-BRCA": "46.0", "geo/GSE25055": "2019-03-25"}


def test_nothing_is_in_use_in_an_empty_lake(tmp_path):
    assert releases_in_use(Lake(tmp_path / "empty")) == {}


def test_the_archive_keeps_as_many_releases_as_the_study_says_and_those_in_use(instance, study, place, lake, pruning):
    swept = keep_house(instance, study, place, ASSETS)
    assert pruning == [(lake.raw, 3, {"gdc/TCGA-BRCA": "46.0", "geo/GSE25055": "2019-03-25"})]
    assert swept.metadata["releases removed"] == "gdc/TCGA-BRCA 43.0"
    assert swept.metadata["bytes of archived files"] == 300
    assert "archive left alone" not in swept.metadata


@pytest.mark.parametrize("name", ["gdc/TCGA-BRCA", "gdc"])
def test_a_pinned_release_is_safe_before_it_is_in_use(instance, study, place, lake, pruning, name):
    pinned = study.model_copy(update={"releases": Releases(pin={name: "45.0"})})
    swept = keep_house(instance, pinned, place, ASSETS)
    assert pruning == []
    assert "gdc/TCGA-BRCA 45.0" in swept.archive_left
    put_manifest(lake, "gdc/TCGA-BRCA", {"source": "gdc", "release": "45.0"})
    keep_house(instance, pinned, place, ASSETS)
    assert len(pruning) == 1


def test_the_archive_is_left_alone_during_a_refresh(instance, study, place, lake, pruning):
    with locked(lake.refresh_lock):
        assert "under way" in keep_house(instance, study, place, ASSETS).metadata["archive left alone"]
    assert pruning == []


def test_old_releases_leave_the_disk_and_those_kept_or_in_use_stay_whole(instance, study, place, lake):
    archive = Archive(lake.raw)
    for number in range(1, 7):
        row = archive.store("gdc", f"{number}.0", file_id="f", url="u", path="f.tsv", content=b"x" * number * 1_000)
        archive_views.keep_view(archive, "gdc/TCGA-BRCA", f"{number}.0", row.to_frame().T)
    put_manifest(lake, "gdc/TCGA-BRCA", {"source": "gdc", "release": "2.0"})
    swept = keep_house(instance, study, place, ASSETS)
    assert swept.archive.releases == ("gdc/TCGA-BRCA 1.0", "gdc/TCGA-BRCA 3.0")
    assert swept.metadata["bytes of archived files"] == 4_000
    assert sorted(path.parent.name for path in lake.raw.glob("gdc/*/f.tsv")) == ["2.0", "4.0", "5.0", "6.0"]
    assert len(archive_views.recall(archive, "gdc/TCGA-BRCA", "2.0")) == 1


def test_leftovers_go_and_what_a_download_or_a_writer_still_needs_stays(instance, study, place, lake, pruning):
    def put(path: Path, days=0, size=10):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
        then = time.time() - days * 86_400
        os.utime(path, (then, then))
        return path

    abandoned = put(lake.tables / "cohorts" / ".a.parquet.0123456789ab.part", size=7)
    old = put(lake.raw / "gdc" / "45.0" / ".counts.tsv.part", days=30, size=20)
    notes = put(lake.raw / "gdc" / "45.0" / ".counts.tsv.part.json", days=30)
    resumable = put(lake.raw / "gdc" / "46.0" / ".counts.tsv.part", days=3)
    whole = put(lake.raw / "gdc" / "45.0" / "counts.tsv", days=30)
    with parquet_writer(lake) as held:
        swept = keep_house(instance, study, place, ASSETS)
        assert held.exists()
    assert (swept.leftovers, swept.leftover_bytes) == (2, 27)
    assert [path.exists() for path in (abandoned, old, notes, resumable, whole)] == [False, False, False, True, True]


def parquet_writer(lake):
    """Somebody who is writing a table: the temporary file is theirs."""
    from contextlib import contextmanager

    from hnbc_assets.lake.atomic import replacing

    @contextmanager
    def writing():
        with replacing(lake.table("patients")) as file:
            yield Path(file.name)

    return writing()


def test_the_job_runs_with_the_lakes_io_manager_and_tells_what_it_removed(instance, study, place, lake, pruning):
    job, schedule = housekeeping(study, place, ASSETS)
    definitions = dg.Definitions(
        assets=ASSETS,
        jobs=[job],
        schedules=[schedule],
        resources={"io_manager": LakeIOManager(root=str(lake.root))},
        executor=dg.multiprocess_executor,
    )
    resolved = definitions.resolve_job_def("housekeeping")
    assert resolved.executor_def.name == "in_process"
    done = resolved.execute_in_process(instance=instance)
    assert done.success
    [output] = [event for event in done.all_events if event.event_type == dg.DagsterEventType.STEP_OUTPUT]
    told = output.event_specific_data.metadata
    assert told["runs deleted"].value == 0
    assert told["bytes of archived files"].value == 300


def test_the_job_reads_the_archive_and_fails_if_a_file_is_damaged(instance, study, place, lake, pruning):
    (lake.raw / "gdc" / "46.0" / "f.txt").write_bytes(b"g")
    job, _ = housekeeping(study, place, ASSETS)
    resources = {"io_manager": LakeIOManager(root=str(lake.root))}
    definitions = dg.Definitions(assets=ASSETS, jobs=[job], resources=resources)
    done = definitions.resolve_job_def("housekeeping").execute_in_process(instance=instance, raise_on_error=False)
    assert not done.success
    [failed] = [event for event in done.all_events if event.event_type == dg.DagsterEventType.STEP_FAILURE]
    message = failed.event_specific_data.error.to_string()
    assert "gdc/46.0/f.txt: raw/gdc/TCGA-BRCA and 0 tables made from it" in message
    outcome = of_asset(lake, "raw/gdc/TCGA-BRCA")["files_intact"]
    assert not outcome.passed
    assert "gdc/46.0/f.txt" in outcome.description
    assert of_asset(lake, "raw/geo/GSE25055") == {}
    assert pruning, "the rest of the housekeeping is done anyway"


def test_releases_that_signatures_and_kept_databases_need_stay_with_their_files(lake):
    trained = {"trained_on": "gdc/TCGA-BRCA 45.0; geo/GSE25055 2019-03-25", "trained_at": "2025-01-01", "run_id": "r"}
    empty = {"signature": [], "single_sample": [], "description": {}, "code_version": "1"}
    registry.register(lake, registry.Registered("abcdef012345", **trained, **empty))
    lake.databases.mkdir(parents=True)
    with duckdb.connect(str(lake.databases / "hnbc-20250101T000000000000Z-aaaaaaaa.duckdb")) as database:
        database.execute("CREATE TABLE publications AS SELECT '2025' AS published_at, 'gdc/TCGA-BRCA 44.0' AS releases")
        database.execute("CREATE TABLE raw_files AS SELECT 'gdc/44.0/old.tsv' AS path")
    releases, paths = needed(lake)
    assert releases == {("gdc/TCGA-BRCA", "45.0"), ("geo/GSE25055", "2019-03-25"), ("gdc/TCGA-BRCA", "44.0")}
    assert paths == {"gdc/44.0/old.tsv", "gdc/46.0/f.txt", "geo/2019-03-25/f.txt"}


@pytest.fixture
def trained(lake):
    """A signature trained on gene sets that the upstream has replaced twice since."""
    archive, old = Archive(lake.raw), "2024-01-01"
    for release in (old, "2025-01-01", "2026-01-01"):
        file = {"file_id": "sets", "url": "https://x.org/sets", "path": "sets.gmt", "content": release.encode()}
        row = archive.store("gene_sets", release, **file)
        archive_views.keep_view(archive, "gene_sets", release, row.to_frame().T)
        put_manifest(lake, "gene_sets", dict(row))
        if release == old:
            made = Provenance("refit/signature", "1", inputs={"raw/gene_sets": "1"})
            parquet.write(lake.table("refit/signature"), pd.DataFrame({"gene": ["A"]}), made)
            told = {"trained_on": "gdc/TCGA-BRCA 46.0", "trained_at": "2024", "run_id": "r", "code_version": "1"}
            empty = {"signature": [], "single_sample": [], "description": {}}
            signature = registry.Registered("abcdef012345", **told, **empty)
            signature_lineage.keep(lake, signature, ["refit/signature"])
            registry.register(lake, signature)
    return lake.raw / "gene_sets" / old / "sets.gmt"


def test_the_files_of_a_registered_signature_stay_when_their_release_goes(instance, study, place, lake, trained):
    """`trained_on` has the cohorts' releases; nothing but the signature's own record names its gene sets."""
    kept = study.model_copy(update={"releases": Releases(keep=2)})
    swept = keep_house(instance, kept, place, ASSETS)
    assert swept.archive.releases == ("gene_sets 2024-01-01",)
    assert swept.metadata["archived files removed"] == 0
    assert trained.read_bytes() == b"2024-01-01"
    assert keep_house(instance, kept, place, ASSETS).verified.lost == {}


def test_damage_to_the_files_of_a_registered_signature_is_found_and_names_it(instance, study, place, lake, trained):
    keep_house(instance, study.model_copy(update={"releases": Releases(keep=2)}), place, ASSETS)
    trained.write_bytes(b"2024-01-02")
    assert verify(lake).lost == {"gene_sets/2024-01-01/sets.gmt": ["signature abcdef012345"]}


def test_the_archive_is_left_alone_while_a_database_cannot_be_opened(instance, study, place, lake, pruning):
    """Its releases and files would not be known to be needed, and could be removed."""
    lake.databases.mkdir(parents=True)
    kept = lake.databases / "hnbc-20250101T000000000000Z-aaaaaaaa.duckdb"
    kept.write_bytes(b"not a database" * 1000)
    swept = keep_house(instance, study, place, ASSETS)
    assert pruning == []
    assert f"{kept} cannot be opened" in swept.metadata["archive left alone"]
    assert swept.verified.files == 2, "the archive is verified anyway"


@pytest.mark.parametrize(("days", "removed"), [(89, False), (91, True)])
def test_a_damaged_file_goes_when_it_is_old_and_a_sound_one_is_in_its_place(
    instance, study, place, lake, pruning, days, removed
):
    archive, files = Archive(lake.raw), {"file_id": "f", "url": "https://x.org/f", "path": "f.txt", "content": b"f"}
    for _ in range(2):
        (lake.raw / "gdc" / "46.0" / "f.txt").write_bytes(b"damaged")
        archive.store("gdc", "46.0", **files)
    (lake.raw / "geo" / "2019-03-25" / "f.txt").write_bytes(b"damaged")
    set_aside(lake.raw, "geo/2019-03-25/f.txt")  # and not fetched again
    mended = ["damaged/gdc/46.0/f.txt", "damaged/gdc/46.0/f.txt.2"]
    swept = keep_house(instance, study, place, ASSETS, now=datetime.now(UTC) + timedelta(days=days))
    kept = ["damaged/geo/2019-03-25/f.txt"] if removed else [*mended, "damaged/geo/2019-03-25/f.txt"]
    assert swept.metadata["damaged files kept"] == ", ".join(kept)
    assert swept.metadata["damaged files removed"] == 2 * removed
    assert swept.metadata["bytes of damaged files"] == 14 * removed
    assert sorted(str(path.relative_to(lake.raw)) for path in (lake.raw / "damaged").rglob("f*")) == kept
    assert (lake.raw / "gdc" / "46.0" / "f.txt").read_bytes() == b"f"


def test_the_schedule_runs_by_itself_on_sunday_nights(study, place):
    _, schedule = housekeeping(study, place, ASSETS)
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 3 * * 0", "UTC")
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    assert schedule.job_name == "housekeeping"
