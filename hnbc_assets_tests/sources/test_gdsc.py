"""GDSC: the dose response workbook and the zipped expression; on the real release and on small files."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.errors import FormatError, StudyError
from hnbc_assets.sources import gdsc
from hnbc_assets.sources.archive import Archive
from hnbc_assets.sources.http import connect

HEADER = ["DATASET", "COSMIC_ID", "CELL_LINE_NAME", "TCGA_DESC", "DRUG_ID", "DRUG_NAME", "LN_IC50", "AUC", "RMSE"]
ROWS = [
    ["GDSC2", 905950, "B", None, 1011, "Docetaxel", 1.0, 0.9, 0.2],
    ["GDSC2", 683665, "A", "BRCA", 1003, "Docetaxel", 2.0, 0.8, 0.3],
    ["GDSC2", 683665, "A", "BRCA", 1003, "Docetaxel", 4.0, 0.6, 0.1],
    ["GDSC2", 683665, "A", "BRCA", 1011, "Docetaxel", 3.0, 0.7, 0.1],
]


def workbook(rows, header=HEADER):
    from openpyxl import Workbook

    book = Workbook()
    for row in [header, *rows]:
        book.active.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def zipped(text):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        packed.writestr("Cell_line_RMA_proc_basalExp.txt", text)
    return stream.getvalue()


def archived(tmp_path, name, content):
    archive = Archive(tmp_path)
    row = archive.store("gdsc", "8.5", file_id=name, url=f"https://x/{name}", path=name, content=content)
    return archive, row.to_frame().T


def responses(tmp_path, rows, header=HEADER):
    return gdsc.read_dose_response(*archived(tmp_path, "GDSC2_fitted_dose_response_x.xlsx", workbook(rows, header)))


def test_drugs_of_one_name_stay_apart_and_of_two_fits_the_better_is_kept(tmp_path):
    table = responses(tmp_path, ROWS)
    assert table[["drug_id", "cosmic_id", "ln_ic50"]].to_numpy().tolist() == [
        ["1003", "683665", 4.0],
        ["1011", "683665", 3.0],
        ["1011", "905950", 1.0],
    ]
    assert table["tcga_desc"].tolist() == ["BRCA", "BRCA", None]
    assert table["putative_target"].isna().all()


def test_of_two_fits_without_a_quality_the_mean_is_kept(tmp_path):
    table = responses(tmp_path, [row[:-1] for row in ROWS], HEADER[:-1])
    assert table.loc[table["drug_id"] == "1003", ["ln_ic50", "auc"]].to_numpy().tolist() == [[3.0, pytest.approx(0.7)]]


def test_a_value_that_is_no_number_is_named_with_its_row(tmp_path):
    with pytest.raises(FormatError, match=r"LN_IC50 has 'high' in row 3"):
        responses(tmp_path, [ROWS[0], [*ROWS[1][:6], "high", 0.1, 0.1]])


def test_a_column_that_is_gone_is_named(tmp_path):
    with pytest.raises(FormatError, match="LN_IC50"):
        responses(tmp_path, ROWS, [*HEADER[:6], "IC50", *HEADER[7:]])
    with pytest.raises(FormatError, match="cannot be read as a workbook"):
        gdsc.read_dose_response(*archived(tmp_path, "GDSC2_fitted_dose_response_x.xlsx", b"PK\x03\x04 broken"))


def test_expression_rows_without_symbol_are_dropped_and_repeated_ones_averaged(tmp_path):
    text = (
        "GENE_SYMBOLS\tGENE_title\tDATA.9\tDATA.10\tDATA.9.1\n"
        "A\ttitle\t1\t2\t7\n\tnone\t5\t5\t5\nA\t\t3\t\t7\nB\t\t4\t5\t7\n"
    )
    frame = gdsc.read_expression(*archived(tmp_path, "Cell_line_RMA_proc_basalExp.txt.zip", zipped(text)))
    assert (list(frame.columns), list(frame.index), frame.index.name) == (["9", "10"], ["A", "B"], "gene")
    np.testing.assert_array_equal(frame.to_numpy(), [[2, 2], [4, 5]])


def test_an_unknown_release_is_refused_before_anything_is_fetched(tmp_path):
    with pytest.raises(StudyError, match=r"9\.9"):
        gdsc.fetch(None, Archive(tmp_path), "9.9")


@pytest.mark.real
def test_release_8_5_has_805_lines_and_198_drugs(small_replica, tmp_path):
    archive = Archive(tmp_path)
    with connect(small_replica.base) as client:
        manifest = gdsc.fetch(client, archive)
    table = gdsc.read_dose_response(archive, manifest)
    assert (len(table), table["cosmic_id"].nunique(), table["drug_id"].nunique()) == (134728, 805, 198)
    assert table["drug_name"].nunique() == 192
    assert not table.duplicated(["cosmic_id", "drug_id"]).any()
    camptothecin = table[(table["cosmic_id"] == "906826") & (table["drug_id"] == "1003")]
    assert camptothecin["ln_ic50"].tolist() == [-1.152528]
    frame = gdsc.read_expression(archive, manifest)
    assert frame.shape == (697, 516)
    assert len(set(frame.columns) & set(table["cosmic_id"])) >= 445
    assert isinstance(frame.columns, pd.Index)
