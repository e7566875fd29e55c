"""GDSC: workbooks of both layouts, the lines' expression in all of its layouts, joined by model id."""

from __future__ import annotations

import gzip
import io
import zipfile

import numpy as np
import pytest

from hnbc_assets.errors import FormatError, StudyError, UpstreamRefused
from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.gdsc import expression as gdsc_expression
from hnbc_assets.sources.gdsc import files as gdsc
from hnbc_assets.sources.gdsc.expression import read_expression
from hnbc_assets.sources.gdsc.models import read_models, read_symbols
from hnbc_assets.sources.gdsc.response import keyed, read_responses
from hnbc_assets.sources.listing import fetch_listing
from hnbc_assets.sources.web.http import connect

OFFICIAL = ["DATASET", "CELL_LINE_NAME", "SANGER_MODEL_ID", "CANCER_TYPE", "DRUG_ID", "DRUG_NAME", "LN_IC50", "RMSE"]
LEGACY = ["DATASET", "COSMIC_ID", "CELL_LINE_NAME", "TCGA_DESC", "DRUG_ID", "DRUG_NAME", "LN_IC50", "AUC", "RMSE"]
LEGACY_ROWS = [
    ["GDSC2", 905950, "B", None, 1011, "Docetaxel", 1.0, 0.9, 0.2],
    ["GDSC2", 683665, "A", "BRCA", 1003, "Docetaxel", 2.0, 0.8, 0.3],
    ["GDSC2", 683665, "A", "BRCA", 1003, "Docetaxel", 4.0, 0.6, 0.1],
    ["GDSC2", 683665, "A", "BRCA", 1011, "Docetaxel", 3.0, 0.7, 0.1],
]
OFFICIAL_ROWS = [
    ["GDSC2", "B", "SIDM00002", "Melanoma", 1011, "Docetaxel", 1.0, 0.2],
    ["GDSC2", "A", "SIDM00001", "Breast Carcinoma", 1003, "Docetaxel", 2.0, 0.3],
    ["GDSC2", "A", "SIDM00001", "Breast Carcinoma", 1003, "Docetaxel", 4.0, 0.1],
    ["GDSC2", "A", "SIDM00001", "Breast Carcinoma", 1011, "Docetaxel", 3.0, 0.1],
]
MODELS = "model_id,model_name,COSMIC_ID\nSIDM00001,A,907284;683665\nSIDM00002,B,905950\nSIDM00009,C,\n"
GENES = "gene_id,ensembl_gene_id,hgnc_symbol\nSIDG1,ENSG00000000001,ONE\nSIDG2,ENSG00000000002,TWO\nSIDG3,,NONE\n"
MATRIX = "ensembl_gene\t905950\t683665\t77\nENSG00000000001.4\t1\t2\t3\nENSG00000000002\t4\t5\t6\n"


def book(path, rows, header):
    from openpyxl import Workbook

    made = Workbook()
    for row in [header, *rows]:
        made.active.append(row)
    made.save(path)
    return path


def zipped(method=zipfile.ZIP_DEFLATED, **members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as packed:
        for name, text in members.items():
            packed.writestr(name, text)
    return stream.getvalue()


def damaged_in_its_data(content):
    """A zip archive of one member, with a byte of its packed data changed."""
    at = content.index(b"a.txt") + len("a.txt") + 10
    return content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :]


def with_a_password(content):
    """A zip archive of one member that is marked as encrypted in both its headers."""
    content = bytearray(content)
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def written(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.fixture
def archived(tmp_path):
    """An archive and the manifest of these files in it, by file id."""

    def keep(**files):
        archive, rows = Archive(tmp_path / "raw"), []
        for file_id, content in files.items():
            content = content if isinstance(content, bytes) else content.encode()
            archive.store("gdsc", "8.5", file_id=file_id, url=f"https://x/{file_id}", path=file_id, content=content)
        rows = archive.manifest("gdsc", "8.5")
        return archive, rows

    return keep


def response(tmp_path, rows, header):
    return keyed(read_responses(book(tmp_path / "GDSC2.xlsx", rows, header)), {"683665": "SIDM00001"})


def test_both_layouts_give_the_same_responses_by_model_id(tmp_path):
    """Drugs with the same name are kept separate; of two fits, the one with the smaller error is kept."""
    official = response(tmp_path, OFFICIAL_ROWS, OFFICIAL)
    legacy = response(tmp_path, LEGACY_ROWS, LEGACY)
    columns = ["drug_id", "line_id", "ln_ic50", "cell_line_name"]
    assert official[columns].to_numpy().tolist() == [
        ["1003", "SIDM00001", 4.0, "A"],
        ["1011", "SIDM00001", 3.0, "A"],
        ["1011", "SIDM00002", 1.0, "B"],
    ]
    legacy["line_id"] = legacy["line_id"].replace("905950", "SIDM00002")  # a COSMIC id without a model is kept
    assert legacy.sort_values(columns[:2])[columns].to_numpy().tolist() == official[columns].to_numpy().tolist()
    assert official["cancer_type"].tolist() == ["Breast Carcinoma", "Breast Carcinoma", "Melanoma"]
    assert set(legacy["cancer_type"]) == {"BRCA", None}


def test_of_two_fits_without_a_quality_the_mean_is_kept(tmp_path):
    table = response(tmp_path, [row[:-1] for row in LEGACY_ROWS], LEGACY[:-1])
    assert table.loc[table["drug_id"] == "1003", ["ln_ic50", "auc"]].to_numpy().tolist() == [[3.0, pytest.approx(0.7)]]


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        ([LEGACY_ROWS[0], [*LEGACY_ROWS[1][:6], "high", 0.1, 0.1]], LEGACY, "LN_IC50 has 'high' in row 3"),
        ([[*LEGACY_ROWS[0][:4], "x9", *LEGACY_ROWS[0][5:]]], LEGACY, "DRUG_ID has 'x9' in row 2"),
        (LEGACY_ROWS, [*LEGACY[:6], "IC50", *LEGACY[7:]], "has no LN_IC50"),
        ([row[:1] + row[2:] for row in LEGACY_ROWS], LEGACY[:1] + LEGACY[2:], "no SANGER_MODEL_ID and no COSMIC_ID"),
        ([], OFFICIAL, "has no row"),
    ],
)
def test_what_is_wrong_with_a_workbook_is_named_with_its_place(tmp_path, rows, header, message):
    with pytest.raises(FormatError, match=message):
        response(tmp_path, rows, header)


def test_a_file_that_is_not_a_workbook_is_reported_as_such(tmp_path):
    with pytest.raises(FormatError, match="cannot be read as a workbook"):
        read_responses(written(tmp_path / "GDSC2.xlsx", b"PK\x03\x04 broken"))


def test_each_cosmic_id_of_a_model_is_mapped(tmp_path):
    path = written(tmp_path / "models.csv", MODELS)
    assert read_models(path) == {"907284": "SIDM00001", "683665": "SIDM00001", "905950": "SIDM00002"}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (MODELS + "SIDM00003,D,905950\n", "905950 is given to SIDM00002 and, in line 5, to SIDM00003"),
        (MODELS + "SIDM00003,D,n/a\n", "COSMIC_ID has 'n/a' in line 5"),
        (MODELS + "SIDM00003\n", "line 5 does not have the 3 cells"),
        ("model_id,name\n", "no column COSMIC_ID"),
        ("", "empty"),
    ],
)
def test_what_is_wrong_with_a_model_list_is_named_with_its_line(tmp_path, table, message):
    with pytest.raises(FormatError, match=message):
        read_models(written(tmp_path / "models.csv", table))


def test_genes_have_hgnc_s_symbol_or_cosmic_s(tmp_path):
    table = "cosmic_gene_symbol,ensembl_gene_id,hgnc_symbol\nOLD,ENSG00000000001,NEW\nB,ENSG00000000002,\n"
    assert read_symbols(written(tmp_path / "g.csv", table)) == {"ENSG00000000001": "NEW", "ENSG00000000002": "B"}


def expression(path, **more):
    symbols = {"ENSG00000000001": "ONE", "ENSG00000000002": "TWO"}
    return read_expression(
        path, model_of={"905950": "SIDM00002", "683665": "SIDM00001"}, symbols=lambda: symbols, **more
    )


def test_arrays_by_ensembl_gene_become_symbols_by_model(tmp_path):
    """A version is not part of a gene's id; a COSMIC id without a model is kept."""
    found = expression(written(tmp_path / "rma.txt.gz", gzip.compress(MATRIX.encode())))
    assert found.kind == "rma"
    assert found.ids == ("SIDM00002", "SIDM00001", "77")
    assert found.values.to_dict("index") == {
        "ONE": {"77": 3, "SIDM00001": 2, "SIDM00002": 1},
        "TWO": {"77": 6, "SIDM00001": 5, "SIDM00002": 4},
    }


def test_the_zipped_table_of_the_retired_site_is_still_read(tmp_path):
    """Rows without a symbol are dropped, repeated ones averaged; a line given twice keeps its first column."""
    text = (
        "GENE_SYMBOLS\tGENE_title\tDATA.9\tDATA.683665\tDATA.9.1\n"
        "A\ttitle\t1\t2\t7\n\tnone\t5\t5\t5\nA\t\t3\t\t7\nB\t\t4\t5\t7\n"
    )
    packed = zipped(**{"Cell_line_RMA_proc_basalExp.txt": text})
    frame = expression(written(tmp_path / "Cell_line_RMA_proc_basalExp.txt.zip", packed)).values
    assert (list(frame.columns), list(frame.index), frame.index.name) == (["9", "SIDM00001"], ["A", "B"], "gene")
    np.testing.assert_array_equal(frame.to_numpy(), [[2, 2], [4, 5]])


def test_rna_seq_is_log2_of_tpm_of_the_lines_that_are_wanted(tmp_path):
    tpm = (
        "model_id,,,SIDM00001,SIDM00002,SIDM00003\nmodel_name,,,A,B,C\ndata_source,,,Sanger,Broad,Broad\n"
        'gene_symbol,,,,,\nONE,SIDG1,"a, b",0,1,3\nTWO,SIDG2,,7,,15\n'
    )
    content = zipped(**{"m/rnaseq_merged_rsem_tpm_20260323.csv": tpm, "m/rnaseq_merged_rsem_fpkm_20260323.csv": "x"})
    found = expression(written(tmp_path / "rnaseq.zip", content), wanted={"SIDM00001", "SIDM00003"})
    assert found.kind == "rnaseq_tpm"
    assert found.ids == ("SIDM00001", "SIDM00002", "SIDM00003")
    assert found.values.to_dict("list") == {"SIDM00001": [0, 3], "SIDM00003": [2, 4]}
    assert list(found.values.index) == ["ONE", "TWO"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "gene\t1\t2\nA\t1\t2\n", r"its header is \['gene', '1', '2'\]. Supported are ensembl_gene"),
        ("a.txt", MATRIX[: MATRIX.index("\n") + 1], "ends after its header"),
        ("a.txt", MATRIX + "ENSG00000000003\t1\n", "not every row has the header's 4 cells"),
        ("a.txt", MATRIX.replace("\t5\t", "\tfive\t"), "a value that is not a number"),
        ("a.txt", MATRIX.replace("ENSG0", "ENST0"), "0% have a symbol"),
        ("a.txt", MATRIX.replace("683665", "A375"), "names 'A375' among the lines"),
        ("a.gz", gzip.compress(MATRIX.encode() * 50, mtime=0)[:80], "a.gz"),
        ("a.zip", b"PK\x03\x04" + b"0" * 50, "its header is"),
        ("a.zip", zipped(**{"a_tpm.csv": "", "b_tpm.csv": ""}), "not clear: a_tpm.csv, b_tpm.csv"),
        ("a.zip", damaged_in_its_data(zipped(**{"a.txt": MATRIX})), "cannot be unpacked .*pack it again"),
        ("a.zip", with_a_password(zipped(**{"a.txt": MATRIX})), "cannot be unpacked .*password"),
        ("a.zip", zipped(zipfile.ZIP_LZMA, **{"a.txt": MATRIX}), "a.txt is packed with another method than deflate"),
        ("a.csv", "model_id,,,SIDM00001\n,,,\n,,,\n,,,\nONE,,,-1\n", "negative, which a TPM never is"),
    ],
)
def test_what_is_wrong_with_expression_is_reported(tmp_path, name, content, message):
    with pytest.raises(FormatError, match=message):
        expression(written(tmp_path / name, content))


def test_an_error_of_the_reader_is_not_interpreted_as_damage_of_the_zip_archive(tmp_path):
    """An error raised by the genes' symbols while an archive is open reaches the caller unchanged."""

    def symbols():
        raise EOFError("of another file")

    path = written(tmp_path / "a.zip", zipped(**{"a.txt": MATRIX}))
    with pytest.raises(EOFError, match="of another file"):
        read_expression(path, model_of={}, symbols=symbols)
    with pytest.raises(EOFError, match="of another file"), gdsc_expression._opened(path):
        raise EOFError("of another file")


def test_the_use_of_every_line_is_reported(tmp_path, archived):
    rows = [*OFFICIAL_ROWS, ["GDSC2", "D", "SIDM00009", "Glioma", 1003, "Docetaxel", 5.0, 0.1]]
    content = book(tmp_path / "b.xlsx", rows, OFFICIAL).read_bytes()
    found = gdsc.read(
        *archived(
            **{"GDSC2_fitted_dose_response_x.xlsx": content, "expression_rma": gzip.compress(MATRIX.encode())},
            model_list=MODELS,
            gene_identifiers=GENES,
        )
    )
    columns = ["line_id", "cell_line_name", "cancer_type", "n_drugs", "cosmic_ids", "used", "reason"]
    lines = found.lines[columns].astype(object)
    assert lines.where(lines.notna(), None).to_numpy().tolist() == [
        ["77", None, None, 0, "77", False, "not screened; its COSMIC id is not in the model list"],
        ["SIDM00001", "A", "Breast Carcinoma", 2, "683665, 907284", True, None],
        ["SIDM00002", "B", "Melanoma", 1, "905950", True, None],
        ["SIDM00009", "D", "Glioma", 1, None, False, "no expression; the model list has no COSMIC id of it"],
    ]
    assert found.lines.has_expression.tolist() == [True, True, True, False]
    assert list(found.expression.columns) == ["SIDM00001", "SIDM00002"]


def test_rna_seq_is_never_used_as_arrays(tmp_path, archived):
    content = book(tmp_path / "b.xlsx", OFFICIAL_ROWS, OFFICIAL).read_bytes()
    tpm = "model_id,,,SIDM00001\n,,,\n,,,\n,,,\nONE,,,1\n"
    files = {"GDSC2_fitted_dose_response_x.xlsx": content, "model_list": MODELS}
    archive, manifest = archived(**files, expression_rnaseq=tpm)
    assert gdsc.read(archive, manifest, "rnaseq_tpm").kind == "rnaseq_tpm"
    with pytest.raises(FormatError, match=r"No GDSC expression \(rma\) among the archived files"):
        gdsc.read(archive, manifest)
    with pytest.raises(FormatError, match=r"contains rnaseq_tpm, while the study has drugs\.expression: rma"):
        gdsc.read(*archived(**files, expression_rma=tpm))


def test_lines_known_by_other_names_are_not_an_empty_screen(tmp_path, archived):
    content = book(tmp_path / "b.xlsx", OFFICIAL_ROWS, OFFICIAL).read_bytes()
    files = {"GDSC2_fitted_dose_response_x.xlsx": content, "expression_rma": MATRIX, "gene_identifiers": GENES}
    with pytest.raises(FormatError, match="known as SIDM00001, SIDM00002, in the expression as 683665, 77, 905950"):
        gdsc.read(*archived(**files))


def test_an_unknown_release_is_refused_before_anything_is_fetched(tmp_path):
    with pytest.raises(StudyError, match=r"9\.9"):
        fetch_listing(None, Archive(tmp_path), gdsc.listing(None, Archive(tmp_path), "9.9"))


def test_a_user_s_own_file_is_part_of_the_release_by_its_content(tmp_path):
    (tmp_path / "lines.txt").write_text(MATRIX)
    with connect("live") as client:
        listed = gdsc.listing(client, Archive(tmp_path), expression="file:lines.txt", folder=tmp_path)
        assert [one.file_id for _, one in listed.wanted] == [
            gdsc.RESPONSE_FILES["8.5"],
            "model_list",
            "gene_identifiers",
        ]
        assert listed.release == f"8.5+{listed.replies[0].release}"
        (tmp_path / "lines.txt").write_text(MATRIX + "\n")
        again = gdsc.listing(client, Archive(tmp_path), expression="file:lines.txt", folder=tmp_path)
        assert again.release not in (listed.release, "8.5")
        with pytest.raises(StudyError, match=r"nowhere\.txt \(cell lines. expression, drugs\.expression"):
            gdsc.listing(client, Archive(tmp_path), expression="file:nowhere.txt", folder=tmp_path)


@pytest.mark.real
def test_the_official_workbook_and_the_legacy_one_give_the_same_screen(small_replica, tmp_path):
    """134,728 fits of 805 lines, whichever of the two the hosts have; the manifest says which was fetched."""
    small_replica.control(gdsc=None)
    archive = Archive(tmp_path / "official")
    with connect(small_replica.base) as client:
        manifest = fetch_listing(client, archive, gdsc.listing(client, archive))
        found = gdsc.read(archive, manifest)
        small_replica.control(fault={"kind": "status", "code": 404, "path": "download/GDSC2"})
        other = Archive(tmp_path / "legacy")
        legacy = fetch_listing(client, other, gdsc.listing(client, other))
        same = gdsc.read(other, legacy)
        small_replica.control(gdsc="retired")
        with pytest.raises(UpstreamRefused, match="None of its 3 addresses gave GDSC2"):
            gdsc.release(client)
    assert manifest["url"].iloc[0].startswith("https://cmp.cog.sanger.ac.uk/download/")
    assert legacy["url"].iloc[0].startswith("https://cog.sanger.ac.uk/cancerrxgene/")
    table = found.dose_response
    assert (len(table), table["line_id"].nunique(), table["drug_id"].nunique()) == (134728, 805, 198)
    assert table["drug_name"].nunique() == 192
    assert not table.duplicated(["line_id", "drug_id"]).any()
    camptothecin = table[(table["cell_line_name"] == "CAL-120") & (table["drug_id"] == "1003")]
    assert camptothecin["ln_ic50"].tolist() == [-1.152528]
    assert found.expression.shape == (697, 445)
    keys = ["line_id", "drug_id", "ln_ic50"]
    assert same.dose_response[keys].equals(table[keys])
    assert same.expression.equals(found.expression)
