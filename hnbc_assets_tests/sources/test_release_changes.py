"""What a release changed, determined from the archive alone: the replica's two GDC releases, a revised series
and study.
"""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from hnbc_assets.errors import FieldVanished, UpstreamChanged
from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.cbioportal import files as cbioportal
from hnbc_assets.sources.gdc import files as gdc
from hnbc_assets.sources.gdc.api import choose_fields
from hnbc_assets.sources.gdsc import files as gdsc
from hnbc_assets.sources.gene_sets import files as gene_sets
from hnbc_assets.sources.geo import files as geo
from hnbc_assets.sources.kinds import source_of
from hnbc_assets.sources.listing import fetch_listing
from hnbc_assets.sources.reading import CohortFiles
from hnbc_assets.sources.release_changes import COLUMNS, FieldChanges, field_changes, release_changes
from hnbc_assets.sources.table import files as user_table
from hnbc_assets.sources.web.http import connect

BIOTAB = "8162d394-8b64-4da2-9f5b-d164c54b9608"
PROFILE = "mrna_illumina_microarray_zscores_ref_diploid_samples"


def releases(kind, archive, *manifests):
    """Releases of one object, as their source reads them."""
    return [source_of(kind).files(archive, manifest) for manifest in manifests]


@pytest.fixture(scope="module")
def whole(_whole_replica, tmp_path_factory):
    """Both releases of TCGA-BRCA, each fetched whole into one archive, and the requests of the second."""
    archive = Archive(tmp_path_factory.mktemp("raw"))
    _whole_replica.reset("45.0")
    with connect(_whole_replica.base) as client:
        before = gdc.fetch(client, archive, "TCGA-BRCA")
        _whole_replica.control(release="46.0")
        _whole_replica.forget()
        after = gdc.fetch(client, archive, "TCGA-BRCA", previous=before)
        asked = _whole_replica.requests()
        again = gdc.fetch(client, archive, "TCGA-BRCA", previous=after)
    _whole_replica.reset()
    return SimpleNamespace(archive=archive, before=before, after=after, asked=asked, again=again)


@pytest.fixture(scope="module")
def changes(whole):
    return release_changes(*releases("gdc", whole.archive, whole.before, whole.after))


@pytest.mark.real
def test_everything_that_46_changed_and_nothing_else_is_found(changes):
    assert tuple(changes.columns) == COLUMNS
    assert set(changes["source"]) == {"gdc"}
    assert set(changes["from_release"]) == {"45.0"}
    assert set(changes["to_release"]) == {"46.0"}
    counts = changes.drop_duplicates(["kind", "entity"])["kind"].value_counts().to_dict()
    assert counts == {
        "patient_added": 25,
        "file_added": 45,
        "file_superseded": 8,
        "value_changed": 39,
        "field_renamed": 1,
    }
    assert not changes.duplicated(["kind", "entity", "field"]).any()
    added = changes[changes["kind"] == "file_added"]
    assert added["field"].value_counts().to_dict() == {"star": 25, "maf": 20}


@pytest.mark.real
def test_replaced_files_name_old_and_new(whole, changes):
    replaced = changes[changes["kind"] == "file_superseded"].set_index("entity")
    assert replaced["field"].value_counts().to_dict() == {"file_id": 7, "md5": 1}
    md5 = [rows.set_index("file_id")["md5"][BIOTAB] for rows in (whole.before, whole.after)]
    assert replaced.loc[BIOTAB, ["field", "old_value", "new_value"]].tolist() == ["md5", *md5]
    by_id = replaced[replaced["field"] == "file_id"]
    assert (by_id["old_value"] == by_id.index).all()
    assert set(by_id.index) <= set(whole.before["file_id"]) - set(whole.after["file_id"])
    assert set(by_id["new_value"]) <= set(whole.after["file_id"]) - set(whole.before["file_id"])


@pytest.mark.real
def test_changed_values_are_those_of_the_upstreams_records(whole, changes):
    changed = changes[changes["kind"] == "value_changed"]
    status = changed[changed["field"] == "vital_status"]
    assert status[["old_value", "new_value"]].to_numpy().tolist() == [["Alive", "Dead"]] * 4
    assert set(changed["field"]) == {"vital_status", "days_to_death", "days_to_last_follow_up", "days_to_follow_up"}
    follow_up = changed[changed["field"] == "days_to_follow_up"].set_index("entity")
    assert len(follow_up) == 39
    assert follow_up["old_value"].str.fullmatch(r"\d+").all()
    now = gdc.read_clinical(whole.archive, whole.after)["days_to_follow_up"]
    assert follow_up["new_value"].astype(float).equals(now[follow_up.index].rename("new_value"))


@pytest.mark.real
def test_a_renamed_field_is_one_change_with_the_reply_that_has_it(whole, changes):
    row = changes[changes["kind"] == "field_renamed"].iloc[0]
    assert row["entity"] == "TCGA-BRCA/index/cases-0000"
    assert row[["field", "old_value", "new_value"]].tolist() == ["demographic.sex_at_birth", "gender", "sex_at_birth"]
    assert field_changes(*releases("gdc", whole.archive, whole.before, whole.after)) == FieldChanges(
        {"demographic.gender": "demographic.sex_at_birth"}, ()
    )


@pytest.mark.real
def test_answers_about_replaced_files_are_archived_and_used_again(whole):
    ids = whole.after["file_id"]
    assert ids.str.fullmatch(r"TCGA-BRCA/index/versions-\d{4}").sum() == 1
    assert ids.str.fullmatch(r"TCGA-BRCA/index/history-[0-9a-f-]{36}").sum() == 7
    assert whole.asked["/api.gdc.cancer.gov/files/versions"] == 1
    assert whole.again.equals(whole.after)


@pytest.mark.real
def test_a_release_compared_with_itself_has_no_changes(whole):
    same = release_changes(*releases("gdc", whole.archive, whole.after, whole.again))
    assert (len(same), tuple(same.columns)) == (0, COLUMNS)


@pytest.mark.real
def test_without_answers_a_replaced_file_is_one_removed_and_one_added(whole):
    after = whole.after[~whole.after["file_id"].str.contains("/versions-")]
    kinds = release_changes(*releases("gdc", whole.archive, whole.before, after))["kind"].value_counts()
    assert (kinds["file_removed"], kinds["file_added"], kinds["file_superseded"]) == (7, 52, 1)


@pytest.mark.real
def test_a_broken_release_shows_its_losses(small_replica, tmp_path):
    archive = Archive(tmp_path)
    with connect(small_replica.base) as client:
        before = gdc.fetch(client, archive, "TCGA-BRCA", mutations=False)
        small_replica.control(release="46.0", poison="half_files")
        halved = gdc.fetch(client, archive, "TCGA-BRCA", mutations=False, previous=before)
        lost = release_changes(*releases("gdc", archive, before, halved))
        small_replica.control(poison="lost_field")
        vanished = gdc.fetch(client, archive, "TCGA-BRCA", mutations=False, previous=before)
    removed = set(lost.loc[lost["kind"] == "file_removed", "entity"])
    assert removed == set(before["file_id"][before["path"].str.contains("/star/")]) - set(halved["file_id"])
    assert len(removed) > 8
    assert field_changes(*releases("gdc", archive, before, vanished)) == FieldChanges(
        {"demographic.gender": "demographic.sex_at_birth"}, ("diagnoses.days_to_last_follow_up",)
    )


@pytest.mark.real
def test_a_revised_series_is_a_replaced_matrix_and_no_other_value(replica, tmp_path):
    archive = Archive(tmp_path)
    with connect(replica.base) as client:
        before = fetch_listing(client, archive, geo.listing(client, archive, "GSE25055", "GPL96"))
        replica.control(revise=["GSE25055", "brca_metabric"])
        after = fetch_listing(client, archive, geo.listing(client, archive, "GSE25055", "GPL96"))
    changes = release_changes(*releases("geo", archive, before, after))
    assert changes.drop(columns=["old_value", "new_value"]).to_numpy().tolist() == [
        ["geo", "2022-11-02", "2026-11-05", "file_superseded", "GSE25055_series_matrix.txt.gz", "sha256"]
    ]
    assert changes["old_value"][0] == before["sha256"][0] != changes["new_value"][0]
    assert field_changes(*releases("geo", archive, before, after)) == FieldChanges({}, ())


@pytest.mark.real
def test_a_revised_study_is_a_replaced_table_and_one_patients_value(replica, tmp_path):
    archive = Archive(tmp_path)
    with connect(replica.base) as client:
        before = fetch_listing(client, archive, cbioportal.listing(client, archive, "brca_metabric", profile=PROFILE))
        replica.control(revise=["GSE25055", "brca_metabric"])
        after = fetch_listing(client, archive, cbioportal.listing(client, archive, "brca_metabric", profile=PROFILE))
    changes = release_changes(*releases("cbioportal", archive, before, after))
    assert set(changes["from_release"]) == set(before["release"])
    assert set(changes["to_release"]) == set(after["release"]) != set(before["release"])
    rows = changes[["kind", "entity", "field"]].to_numpy().tolist()
    patient = cbioportal.read_clinical(archive, before).index[0]
    assert rows == [
        ["file_superseded", "brca_metabric/data_clinical_patient.txt", "sha256"],
        ["value_changed", patient, "OS_MONTHS"],
    ]
    assert float(changes["new_value"][1]) == pytest.approx(float(changes["old_value"][1]) + 1, abs=0.005)


def test_a_users_table_is_compared_patient_by_patient(tmp_path):
    archive = Archive(tmp_path / "raw")
    (tmp_path / "x.csv").write_text("gene,p1,p2,p3\nA,1,2,3\n")
    rows = []
    for text in ("id,age,er\np1,50,pos\np2,60,\n", "id,age\np1,51\np3,70\n"):
        (tmp_path / "c.csv").write_text(text)
        rows.append(
            fetch_listing(None, archive, user_table.listing(archive, "mine", "x.csv", "c.csv", folder=tmp_path))
        )
    changes = release_changes(*releases("table", archive, *rows))
    assert changes.iloc[:, 3:6].to_numpy().tolist() == [
        ["file_superseded", "mine/clinical", "sha256"],
        ["patient_added", "p3", None],
        ["patient_removed", "p2", None],
        ["value_changed", "p1", "age"],
        ["value_changed", "p1", "er"],
    ]
    assert changes.iloc[3:, 6:].to_numpy().tolist() == [["50", "51"], ["pos", None]]
    assert field_changes(*releases("table", archive, *rows)) == FieldChanges({}, ("er",))


def test_lists_are_compared_by_file_alone(tmp_path):
    archive, rows = Archive(tmp_path / "raw"), []
    for content, names in (("A", ["file:a.gmt"]), ("B", ["file:a.gmt", "file:b.gmt"])):
        for name in ("a.gmt", "b.gmt"):
            (tmp_path / name).write_text(f"S\tx\t{content}\n")
        rows.append(gene_sets.fetch(None, archive, names, folder=tmp_path))
    changes = release_changes(*releases("gene_sets", archive, *rows))
    assert changes.iloc[:, 3:6].to_numpy().tolist() == [
        ["file_added", "file:b.gmt", "list"],
        ["file_superseded", "file:a.gmt", "sha256"],
    ]
    assert not any(isinstance(one, CohortFiles) for one in releases("gene_sets", archive, *rows))


@pytest.mark.parametrize(
    ("source", "file_id", "kind"),
    [
        ("geo", "GSE1_series_matrix.txt.gz", "matrix"),
        ("geo", "GPL96.annot.gz", "annotation"),
        ("gdsc", gdsc.RESPONSE_FILES["8.5"], "dose_response"),
        ("gdsc", gdsc.EXPRESSION_FILES["rma"], "cell_line_expression"),
        ("gdsc", "file:mine/lines.txt.gz", "cell_line_expression"),
        ("cbioportal", "brca/data_clinical_sample.txt", "clinical"),
        ("cbioportal", "brca/data_mutations.txt.gz", "mutations"),
        ("cbioportal", f"brca/data_{PROFILE}.txt.gz", "expression"),
        ("table", "mine/expression", "expression"),
        ("table", "other", "file"),
    ],
)
def test_files_are_named_by_their_kind(source, file_id, kind):
    [files] = releases(source, None, pd.DataFrame())
    assert files.file_kind({"file_id": file_id, "path": ""}) == kind


def test_a_clinical_field_that_vanished_is_named_and_may_be_accepted():
    known = frozenset({"submitter_id", "project.project_id", "demographic.vital_status"})
    groups = [("submitter_id",), ("demographic.vital_status",), ("demographic.sex_at_birth", "demographic.gender")]
    options = {"indispensable": ("submitter_id",)}
    with pytest.raises(FieldVanished, match=r"gender") as caught:
        choose_fields("cases", known, groups, [], **options)
    assert caught.value.fields == ("demographic.sex_at_birth",)
    assert choose_fields("cases", known, groups, [], accept_lost=True, **options) == [
        "submitter_id",
        "demographic.vital_status",
    ]
    with pytest.raises(UpstreamChanged, match="submitter_id") as caught:
        choose_fields("cases", known - {"submitter_id"}, groups, [], accept_lost=True, **options)
    assert not isinstance(caught.value, FieldVanished)


@pytest.mark.real
def test_a_lost_field_that_was_accepted_is_missing_in_every_record(small_replica, tmp_path, monkeypatch):
    known = gdc.api.known_fields
    gone = {"diagnoses.ajcc_pathologic_stage", "demographic.sex_at_birth"}
    archive = Archive(tmp_path)
    with connect(small_replica.base) as client:
        before = gdc.fetch(client, archive, "TCGA-BRCA", mutations=False)
        small_replica.control(release="46.0")
        monkeypatch.setattr(gdc.api, "known_fields", lambda client, endpoint: known(client, endpoint) - gone)
        with pytest.raises(FieldVanished) as caught:
            gdc.fetch(client, archive, "TCGA-BRCA", mutations=False)
        assert caught.value.fields == ("demographic.sex_at_birth", "diagnoses.ajcc_pathologic_stage")
        assert archive.manifest("gdc", "46.0").empty
        rows = gdc.fetch(client, archive, "TCGA-BRCA", mutations=False, accept_lost_fields=True)
    clinical = gdc.read_clinical(archive, rows)
    assert clinical[["ajcc_pathologic_stage", "sex"]].isna().all(axis=None)
    assert clinical["ajcc_pathologic_t"].notna().any()
    assert field_changes(*releases("gdc", archive, before, rows)) == FieldChanges(
        {}, ("demographic.gender", "diagnoses.ajcc_pathologic_stage")
    )
