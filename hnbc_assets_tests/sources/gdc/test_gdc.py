"""GDC over real sockets: TCGA-BRCA in two releases, read from its formats."""

from __future__ import annotations

import pandas as pd
import pytest

from hnbc_assets.errors import FormatError, StudyError, UpstreamChanged
from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.gdc import files as gdc
from hnbc_assets.sources.web.http import connect

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return Archive(tmp_path_factory.mktemp("raw"))


@pytest.fixture(scope="module")
def older(_whole_replica, archive):
    """The manifest rows of release 45.0."""
    _whole_replica.reset()
    with connect(_whole_replica.base) as client:
        return gdc.fetch(client, archive, "TCGA-BRCA", mutations=False)


@pytest.fixture(scope="module")
def newer(_whole_replica, archive, older):
    """The manifest rows of release 46.0, fetched into the same archive, and the files that were requested."""
    _whole_replica.reset("46.0")
    with connect(_whole_replica.base) as client:
        return gdc.fetch(client, archive, "TCGA-BRCA", mutations=False), _whole_replica.requests("/data/")


def test_every_clinical_record_of_both_releases_is_read(archive, older, newer):
    before, now = gdc.read_clinical(archive, older), gdc.read_clinical(archive, newer[0])
    assert (len(before), len(now)) == (1073, 1098)
    assert now.index.is_unique
    assert now.index.str.fullmatch(r"TCGA-\w\w-\w{4}").all()
    assert now["vital_status"].isna().sum() == 1  # the case without demographic


def test_sex_is_read_under_both_of_its_names(archive, older, newer):
    assert gdc.read_clinical(archive, older)["sex"].value_counts().to_dict() == {"female": 1060, "male": 12}
    assert gdc.read_clinical(archive, newer[0])["sex"].value_counts().to_dict() == {"female": 1085, "male": 12}


def test_clinical_values_are_upstreams_own(archive, newer, shared):
    clinical = gdc.read_clinical(archive, newer[0])
    truth = pd.read_parquet(shared / "real/gdc_tables/clinical.parquet").set_index("patient").sort_index()
    known = clinical[clinical["vital_status"].notna()].index
    dead = truth.loc[known, "OS"] == 1
    days = truth["OS.time"].astype(float)
    assert clinical.loc[known, "days_to_death"].equals(days[known].where(dead))
    assert clinical["days_to_last_follow_up"].equals(days.where(truth["OS"] != 1))
    assert clinical["days_to_follow_up"].equals(days)
    given = clinical["biotab_her2_ihc_score"]
    assert given.dropna().to_dict() == truth["her2_ihc_level"].dropna().to_dict()
    assert clinical["biotab_her2_fish_status"].str.lower().dropna().to_dict() == truth["her2_fish"].dropna().to_dict()


def test_a_newer_release_fetches_only_the_files_that_changed(archive, older, newer):
    rows, asked = newer
    known = set(older["file_id"])
    before = older.set_index("file_id")["md5"].to_dict()
    files = rows[~rows["path"].str.endswith(".json")]
    changed = files[[md5 != before.get(i) for i, md5 in zip(files["file_id"], files["md5"], strict=True)]]
    assert {path.rpartition("/")[2] for path in asked} == set(changed["file_id"])
    assert len(changed) == 33
    assert set(asked.values()) == {1}
    assert "8162d394-8b64-4da2-9f5b-d164c54b9608" in set(changed["file_id"]) & known  # same id, other content
    archive.verify(rows)
    archive.verify(older)


def test_expression_is_the_value_of_each_aliquots_own_file(archive, newer, shared):
    rows = newer[0]
    samples = gdc.read_samples(archive, rows)
    assert samples["sample_type"].value_counts().to_dict() == {"primary": 1096, "normal": 114, "metastatic": 7}
    chosen = samples["sample_id"].sample(60, random_state=1).tolist()
    expression, features = gdc.read_expression(archive, rows, sample_ids=chosen)
    truth = pd.read_parquet(shared / "real/gdc_tables/expression_rsem.parquet")
    assert list(expression.columns) == chosen
    assert expression.shape == (909, 60)
    ids = features["feature_id"].str.partition(".")[0]
    genes = pd.read_csv(shared / "real/gdc_tables/genes.tsv", sep="\t", index_col=0)
    by_id = dict(zip(genes["ensgene"], genes.index, strict=True))
    expected = truth.loc[chosen, [by_id[i] for i in ids]].to_numpy().T
    assert abs(expression.to_numpy() - expected).max() <= 0.5001e-4
    counts, _ = gdc.read_expression(archive, rows, value="counts", sample_ids=chosen[:3])
    assert (counts == expression[chosen[:3]].round()).to_numpy().mean() > 0.999
    with pytest.raises(FormatError, match="TCGA-XX"):
        gdc.read_expression(archive, rows, sample_ids=["TCGA-XX-0000-01A-11R-A000-07"])


def test_mutations_are_those_of_the_files(small_replica, tmp_path, shared):
    archive = Archive(tmp_path)
    with connect(small_replica.base) as client:
        rows = gdc.fetch(client, archive, "TCGA-BRCA")
    mutations, index = gdc.read_mutations(archive, rows), gdc.read_index(archive, rows)
    sequenced = index.loc[index["kind"] == "maf", "patient_id"]
    truth = pd.read_parquet(shared / "real/gdc_tables/mutations.parquet")
    truth = truth[truth["Tumor_Sample_Barcode"].str[:12].isin(sequenced)]
    assert len(mutations) == len(truth) > 500
    assert mutations["Hugo_Symbol"].value_counts().to_dict() == truth["Hugo_Symbol"].value_counts().to_dict()
    assert set(mutations["patient_id"]) <= set(sequenced)


def test_only_open_files_are_asked_for(archive, older):
    index = gdc.read_index(archive, older)
    assert not index["file_name"].str.contains("splice_junctions").any()
    assert set(index["kind"]) == {"star", "biotab"}


def test_an_unchanged_release_costs_only_its_index(replica, archive, older):
    with connect(replica.base) as client:
        again = gdc.fetch(client, archive, "TCGA-BRCA", mutations=False)
    assert again.equals(older)
    assert replica.requests("/data/") == {}
    assert sum(replica.requests().values()) <= 10


def test_the_first_patients_may_be_fetched_alone(small_replica, tmp_path):
    with connect(small_replica.base) as client:
        rows = gdc.fetch(client, Archive(tmp_path), "TCGA-BRCA", mutations=False, limit=5)
    archive = Archive(tmp_path)
    patients = gdc.read_clinical(archive, rows).index
    assert len(patients) == 5
    index = gdc.read_index(archive, rows)
    assert set(index["kind"]) == {"star", "biotab"}
    assert set(index["patient_id"].dropna()) <= set(patients)


def test_a_project_that_gdc_does_not_have_is_a_study_error(small_replica, tmp_path):
    with connect(small_replica.base) as client:
        with pytest.raises(StudyError, match="TCGA-NONE"):
            gdc.fetch(client, Archive(tmp_path), "TCGA-NONE")
        with pytest.raises(StudyError, match="not the name"):
            gdc.fetch(client, Archive(tmp_path), "../etc")


def test_follow_up_is_found_where_it_moved_to(small_replica, tmp_path):
    small_replica.control(poison="lost_field")
    with connect(small_replica.base) as client:
        clinical = gdc.read_clinical(Archive(tmp_path), gdc.fetch(client, Archive(tmp_path), "TCGA-BRCA"))
    assert clinical["days_to_last_follow_up"].isna().all()
    assert clinical["days_to_follow_up"].notna().sum() > 25


def test_a_release_that_changes_during_the_ingest_is_detected(small_replica, tmp_path, monkeypatch):
    moved = iter(["45.0", "46.0"])
    monkeypatch.setattr(gdc, "release", lambda client: next(moved))
    with (
        connect(small_replica.base) as client,
        pytest.raises(UpstreamChanged, match=r"moved from .*45\.0 to 46\.0"),
    ):
        gdc.fetch(client, Archive(tmp_path), "TCGA-BRCA", limit=3)
