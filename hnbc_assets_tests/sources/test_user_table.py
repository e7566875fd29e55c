"""A user's own tables: how they lie, what they are keyed by, what is wrong with them."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.errors import FormatError, StudyError
from hnbc_assets.sources import user_table
from hnbc_assets.sources.archive import Archive

VALUES = pd.DataFrame([[1.5, 2], [3, 4], [5, 6]], index=["TP53", "ESR1", "MKI67"], columns=["p1", "p2"])
CLINICAL = "Patient_ID,age,OS_days,os_event\np1,50,100,1\np2,60,200,0\np3,70,,\n"


def archived(tmp_path, expression, clinical=CLINICAL, name="expression.tsv"):
    expression_path, clinical_path = tmp_path / name, tmp_path / "clinical.csv"
    expression_path.write_bytes(expression if isinstance(expression, bytes) else expression.encode())
    clinical_path.write_text(clinical)
    archive = Archive(tmp_path / "raw")
    return archive, user_table.fetch(archive, "mine", expression_path, clinical_path)


def tsv(frame):
    return frame.to_csv(sep="\t", index_label="gene")


@pytest.mark.parametrize("turned", [False, True])
def test_genes_may_be_in_rows_or_in_columns(tmp_path, turned):
    values, features = user_table.read_expression(*archived(tmp_path, tsv(VALUES.T if turned else VALUES)))
    np.testing.assert_array_equal(values.to_numpy(), VALUES.to_numpy())
    assert list(values.columns) == ["p1", "p2"]
    assert features["symbol"].tolist() == ["TP53", "ESR1", "MKI67"]


def test_parquet_csv_and_packed_tables_are_understood(tmp_path):
    VALUES.to_parquet(tmp_path / "x.parquet")
    forms = {
        "a.parquet": (tmp_path / "x.parquet").read_bytes(),
        "b.csv": VALUES.to_csv(),
        "c.tsv.gz": gzip.compress(tsv(VALUES).encode()),
    }
    for n, (name, content) in enumerate(forms.items()):
        folder = tmp_path / str(n)
        folder.mkdir()
        values, _ = user_table.read_expression(*archived(folder, content, name=name))
        np.testing.assert_array_equal(values.to_numpy(), VALUES.to_numpy())


def test_clinical_columns_keep_the_users_words_and_missing_is_missing(tmp_path):
    clinical = user_table.read_clinical(*archived(tmp_path, tsv(VALUES)))
    assert list(clinical.columns) == ["age", "OS_days", "os_event"]
    assert (clinical.index.name, clinical.loc["p1", "age"], clinical.loc["p3", "OS_days"]) == ("patient_id", "50", None)


@pytest.mark.parametrize("version", ["", ".7"])
def test_ensembl_ids_are_translated_with_or_without_version(tmp_path, version):
    ensembl = [f"ENSG0000014151{n}{version}" for n in range(3)]
    gene_ids = pd.DataFrame({"feature_id": [f"ENSG0000014151{n}.2" for n in range(2)], "symbol": ["TP53", "ESR1"]})
    archive, manifest = archived(tmp_path, tsv(VALUES.set_axis(ensembl)))
    _, features = user_table.read_expression(archive, manifest, gene_ids=gene_ids)
    assert features["symbol"].tolist()[:2] == ["TP53", "ESR1"]
    assert pd.isna(features["symbol"][2])
    with pytest.raises(StudyError, match="GDC cohort"):
        user_table.read_expression(archive, manifest)
    assert user_table.profiled_samples(archive, manifest) == ["p1", "p2"]


def test_a_table_of_other_patients_is_refused_with_examples(tmp_path):
    with pytest.raises(FormatError, match=r"q1.*p1"):
        user_table.read_expression(*archived(tmp_path, tsv(VALUES.set_axis(["q1", "q2"], axis=1))))


def test_a_value_that_is_no_number_is_named(tmp_path):
    with pytest.raises(FormatError, match="'low' for gene ESR1, sample p2"):
        user_table.read_expression(*archived(tmp_path, tsv(VALUES.astype(object).replace(4, "low"))))


def test_two_rows_of_a_patient_are_refused(tmp_path):
    with pytest.raises(FormatError, match="'p1'"):
        user_table.read_clinical(*archived(tmp_path, tsv(VALUES), CLINICAL + "p1,1,1,1\n"))


def test_a_gene_in_two_rows_stays_two_features(tmp_path):
    values, features = user_table.read_expression(*archived(tmp_path, tsv(VALUES.set_axis(["A", "A", "B"]))))
    assert list(values.index) == ["A", "A#2", "B"]
    assert features["symbol"].tolist() == ["A", "A", "B"]


def test_a_table_that_moves_with_its_study_is_the_same_release_under_the_same_name(tmp_path):
    rows = []
    for place in ("here", "there"):
        (tmp_path / place / "mine").mkdir(parents=True)
        (tmp_path / place / "mine" / "x.tsv").write_text(tsv(VALUES))
        (tmp_path / place / "mine" / "c.csv").write_text(CLINICAL)
        archive = Archive(tmp_path / place / "raw")
        rows.append(user_table.fetch(archive, "mine", "mine/x.tsv", "mine/c.csv", folder=tmp_path / place))
    assert rows[0].drop(columns="retrieved_at").equals(rows[1].drop(columns="retrieved_at"))
    assert rows[0]["url"].tolist() == ["file:mine/x.tsv", "file:mine/c.csv"]


def test_a_file_that_is_not_there_or_of_no_known_kind_is_said(tmp_path):
    with pytest.raises(StudyError, match="nowhere"):
        user_table.fetch(Archive(tmp_path), "mine", tmp_path / "nowhere.csv", tmp_path / "c.csv")
    (tmp_path / "x.xls").write_text("x")
    (tmp_path / "c.csv").write_text(CLINICAL)
    with pytest.raises(StudyError, match=r"x\.xls is no csv"):
        user_table.fetch(Archive(tmp_path), "mine", tmp_path / "x.xls", tmp_path / "c.csv")
