"""A user's own tables: their orientation, their keys, their errors."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.defs.checks.ingest import ids_as_written
from hnbc_assets.errors import FormatError, StudyError
from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.listing import fetch_listing
from hnbc_assets.sources.table import files as user_table

VALUES = pd.DataFrame([[1.5, 2], [3, 4], [5, 6]], index=["TP53", "ESR1", "MKI67"], columns=["p1", "p2"])
CLINICAL = "Patient_ID,age,OS_days,os_event\np1,50,100,1\np2,60,200,0\np3,70,,\n"


def archived(tmp_path, expression, clinical=CLINICAL, name="expression.tsv"):
    expression_path, clinical_path = tmp_path / name, tmp_path / "clinical.csv"
    expression_path.write_bytes(expression if isinstance(expression, bytes) else expression.encode())
    clinical_path.write_text(clinical)
    archive = Archive(tmp_path / "raw")
    return archive, fetch_listing(None, archive, user_table.listing(archive, "mine", expression_path, clinical_path))


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


def test_clinical_columns_keep_the_users_values_and_missing_is_missing(tmp_path):
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


def test_a_value_that_is_not_a_number_is_named(tmp_path):
    with pytest.raises(FormatError, match=r"expression\.tsv, line 3, column 'p2': 'low' is not a number"):
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
        rows.append(
            fetch_listing(
                None, archive, user_table.listing(archive, "mine", "mine/x.tsv", "mine/c.csv", folder=tmp_path / place)
            )
        )
    assert rows[0].drop(columns="retrieved_at").equals(rows[1].drop(columns="retrieved_at"))
    assert rows[0]["url"].tolist() == ["file:mine/x.tsv", "file:mine/c.csv"]


def test_a_file_that_is_missing_or_of_an_unknown_kind_is_reported(tmp_path):
    with pytest.raises(StudyError, match="nowhere"):
        fetch_listing(
            None,
            Archive(tmp_path),
            user_table.listing(Archive(tmp_path), "mine", tmp_path / "nowhere.csv", tmp_path / "c.csv"),
        )
    (tmp_path / "x.xls").write_text("x")
    (tmp_path / "c.csv").write_text(CLINICAL)
    with pytest.raises(StudyError, match=r"x\.xls is not a csv"):
        fetch_listing(
            None,
            Archive(tmp_path),
            user_table.listing(Archive(tmp_path), "mine", tmp_path / "x.xls", tmp_path / "c.csv"),
        )


@pytest.mark.parametrize(
    ("expression", "clinical", "message"),
    [
        ("gene,p1,p1\nTP53,1,2\n", CLINICAL, r"expression\.tsv has sample 'p1' twice"),
        ("id,TP53\np1,1\np1,2\n", CLINICAL, r"expression\.tsv has sample 'p1' twice"),
        (
            "gene,p1,p2 \np,1\n",
            CLINICAL,
            r"expression\.tsv, line 2: 2 cells, but the header has 3\. Is the file truncated",
        ),
        ("p1,p2\nTP53,1,2\n", CLINICAL, r"line 2: 3 cells, but the header has 2\. Are .* col\.names=NA"),
        ('gene,p1,p2\nTP53,1,"2\nESR1,3,4\n', CLINICAL, r'line 2: a quotation mark \("\) that is not closed'),
        (
            'gene,p1,p2\nTP53,"1,2\nESR1,3",4\n',
            CLINICAL,
            r'line 2: a quotation mark \("\) joins all lines to line 3 into one cell',
        ),
        ("gene,p1,,p2\nTP53,1,2,3\n", CLINICAL, r"line 1: column 3 has no name"),
        ("gene,p1,\nTP53,1,2\n", CLINICAL, r"line 2: '2' is in a column without a name"),
        ("gene,p1,p2\nTP53,1,inf\n", CLINICAL, r"line 2, column 'p2': 'inf' is not a finite number"),
        ("gene,p1,p2\nTP53,1,1e999\n", CLINICAL, r"line 2, column 'p2': '1e999' is not a finite number"),
        ("gene,p1,p2\nTP53,1,1_000\n", CLINICAL, r"line 2, column 'p2': '1_000' is not a number"),
        ("gene;p1;p2\nTP53;1;2,5\n", CLINICAL, r"line 2, column 'p2': '2,5' is written with a decimal comma"),
        ("gene,p1,p2\nTP53,1,\nESR1,2,NA\n", CLINICAL, r"no value at all for 'p2'"),
        ("gene,P1,P2\nTP53,1,2\n", CLINICAL, r"2 of 3 patients have ids that .*'P1' and 'p1'"),
        ("gene,p1\nTP53,1\n", "age,p\n50,p1\n", r"Its column 'p' has some: rename it to patient_id"),
        (tsv(VALUES), CLINICAL + ",50,1,1\n", r"clinical\.csv, line 5: no patient is named \(column 'Patient_ID'\)"),
        (
            tsv(VALUES),
            CLINICAL + "p1,1,1,1\n",
            r"clinical\.csv, line 5: a second row for 'p1' .* line 2\. Keep",
        ),
        (tsv(VALUES), CLINICAL.replace("age", "OS_days"), r"clinical\.csv, line 1: two columns are named 'OS_days'"),
        (tsv(VALUES), "p1,50,100,1\np2,60,200,0\n", r"clinical\.csv, line 1: 'p1' is a sample .* add one above it"),
        (tsv(VALUES).encode("utf-16"), CLINICAL, r"expression\.tsv is UTF-16, where text is read"),
        (
            tsv(VALUES).replace("ESR1", "ÄSR1").encode("latin-1"),
            CLINICAL,
            r"expression\.tsv, line 3: after '' .* Latin-1",
        ),
        (b"PK\x03\x04" + bytes(50), CLINICAL, r"expression\.tsv is a workbook"),
        (gzip.compress(tsv(VALUES).encode(), mtime=0)[:-9], CLINICAL, r"expression\.tsv is packed by gzip and damaged"),
        (b"PAR1" + bytes(50), CLINICAL, r"expression\.tsv is parquet and damaged"),
        (b"", CLINICAL, r"expression\.tsv: its first line has no tab"),
    ],
)
def test_what_would_be_lost_or_misread_is_refused_with_file_line_and_remedy(tmp_path, expression, clinical, message):
    with pytest.raises(FormatError, match=message):
        user_table.read_expression(*archived(tmp_path, expression, clinical))


def test_zero_padded_ids_lose_no_patient(tmp_path):
    """As saved by a spreadsheet: 1 to 99 lose their zeros; 100 to 120 do not, and only these would be read."""
    ids = [f"{number:03d}" for number in range(1, 121)]
    values = pd.DataFrame([[1.0] * 120], ["TP53"], [str(int(number)) for number in ids])
    clinical = "patient,os_days\n" + "".join(f"{patient},100\n" for patient in ids)
    with pytest.raises(FormatError, match=r"99 of 120 patients .* '1' and '001'.* write them the same way in both"):
        user_table.read_expression(*archived(tmp_path, tsv(values), clinical))


def test_labels_of_rows_are_text_and_keep_their_zeros(tmp_path):
    values = VALUES.T.set_axis(["001", "002"])
    read, _ = user_table.read_expression(*archived(tmp_path, tsv(values), "patient,age\n001,50\n002,60\n"))
    assert list(read.columns) == ["001", "002"]


def test_ids_in_spaces_are_matched_and_reported(tmp_path):
    archive, manifest = archived(tmp_path, "gene,p1 ,p2,p9\nTP53,1,2,3\n")
    values, _ = user_table.read_expression(archive, manifest)
    assert list(values.columns) == ["p1", "p2"]
    outcome = ids_as_written(values, manifest, archive)
    assert not outcome.passed
    assert outcome.value == "1 ids with spaces, 1 samples without a record"
    assert "'p1 '" in outcome.description
    assert "'p9'" in outcome.description


def test_a_gene_without_values_and_empty_columns_at_the_end_are_not_errors(tmp_path):
    values, _ = user_table.read_expression(*archived(tmp_path, "gene,p1,p2,,\nTP53,1,2,,\n\nESR1,NA,,,\n,,,,\n"))
    assert values.loc["TP53"].tolist() == [1, 2]
    assert values.loc["ESR1"].isna().all()


def test_numbers_of_a_parquet_table_are_the_same_in_every_type_of_column(tmp_path):
    columns = {
        "p1": pd.Series([1, None], dtype="Int64"),
        "p2": pd.Series([1.0, np.nan]),
        "p3": pd.Series([" 1 ", "NA"]),
        "p4": pd.Series([1, None], dtype=object),
        "p5": pd.Series([1.0, None], dtype="Float32"),
        "p6": pd.Series([1, 0], dtype="uint8"),
    }
    pd.DataFrame({"gene": ["TP53", "ESR1"], **columns}).to_parquet(tmp_path / "x.parquet")
    clinical = "patient,age\n" + "".join(f"{patient},50\n" for patient in columns)
    content = (tmp_path / "x.parquet").read_bytes()
    values, _ = user_table.read_expression(*archived(tmp_path, content, clinical, name="x.parquet"))
    assert values.loc["TP53"].tolist() == [1.0] * 6
    assert values.loc["ESR1"].isna().tolist() == [True] * 5 + [False]


def test_a_parquet_index_named_as_a_column_is_a_second_column_and_not_damage(tmp_path):
    """As after `set_index("patient", drop=False)`."""
    records = pd.DataFrame({"patient": ["p1", "p2"], "age": [50, 60]}).set_index("patient", drop=False)
    records.to_parquet(tmp_path / "c.parquet")
    (tmp_path / "x.csv").write_text("gene,p1,p2\nTP53,1,2\n")
    with pytest.raises(FormatError, match=r"c\.parquet, line 1: two columns are named 'patient'"):
        user_table.examine("x.csv", "c.parquet", folder=tmp_path)


@pytest.mark.parametrize(
    ("column", "message"),
    [([[1], [2]], "lists or structures"), ([True, False], "true and false"), ([np.inf, 1], "'inf' in column 'p1'")],
)
def test_a_parquet_table_of_values_other_than_numbers_is_refused(tmp_path, column, message):
    pd.DataFrame({"gene": ["TP53", "ESR1"], "p1": column}).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(FormatError, match=message):
        user_table.read_expression(*archived(tmp_path, (tmp_path / "x.parquet").read_bytes(), name="x.parquet"))
