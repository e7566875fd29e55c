"""GDSC's layouts, sizes and digests recorded by others at the live hosts, compared with readers and addresses."""

from __future__ import annotations

import csv
import io

import pytest

from hnbc_assets.addresses import Addresses
from hnbc_assets.sources.gdsc import files as gdsc
from hnbc_assets.sources.gdsc.expression import layout_of, read_expression
from hnbc_assets.sources.gdsc.response import keyed, read_responses

CELLS = {
    "DATASET": "GDSC2",
    "CELL_LINE_NAME": "PFSK-1",
    "SANGER_MODEL_ID": "SIDM01132",
    "COSMIC_ID": 683667,
    "CANCER_TYPE": "Medulloblastoma",
    "TCGA_DESC": "MB",
    "DRUG_ID": 1003,
    "DRUG_NAME": "Camptothecin",
    "LN_IC50": -1.4,
    "AUC": 0.93,
    "RMSE": 0.09,
}


@pytest.fixture(scope="module")
def headers(evidence):
    """The lines of headers.txt that are headers, in their order: official, legacy, arrays."""
    lines = (evidence / "gdsc" / "headers.txt").read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def seen(evidence):
    """What was observed at each address: its row of sizes_and_digests.tsv."""
    text = (evidence / "gdsc" / "sizes_and_digests.tsv").read_text(encoding="utf-8")
    return {row["address"]: row for row in csv.DictReader(io.StringIO(text), delimiter="\t")}


def read(tmp_path, header):
    from openpyxl import Workbook

    book = Workbook()
    book.active.append(header)
    book.active.append([CELLS.get(name) for name in header])
    book.save(tmp_path / "GDSC2.xlsx")
    return keyed(read_responses(tmp_path / "GDSC2.xlsx"), {})


def test_the_headers_of_both_workbooks_are_read_and_give_the_same_line_and_fit(tmp_path, headers):
    official, legacy, _ = headers
    assert (len(official), len(legacy)) == (16, 19)
    first, second = read(tmp_path, official).iloc[0], read(tmp_path, legacy).iloc[0]
    same = ["line_id", "cell_line_name", "drug_id", "drug_name", "ln_ic50", "auc"]
    assert first[same].tolist() == second[same].tolist() == ["SIDM01132", "PFSK-1", "1003", "Camptothecin", -1.4, 0.93]
    assert (first.cancer_type, second.cancer_type) == ("Medulloblastoma", "MB")
    assert (first.cosmic_id, second.cosmic_id) == (None, "683667")


def test_the_header_of_the_arrays_and_that_of_the_rna_seq_are_distinguished(headers):
    arrays = [name if i == 0 else str(683_667 + i) for i, name in enumerate(headers[2])]
    found = layout_of("rma", "\t".join(arrays).encode(), {})
    assert (found.kind, found.by_ensembl, len(found.columns)) == ("rma", True, len(arrays) - 1)
    assert layout_of("tpm", b"model_id,,,SIDM00001,SIDM00002", {}).kind == "rnaseq_tpm"


def test_rna_seq_begins_after_the_metadata_rows_that_were_recorded(tmp_path, evidence):
    recorded = (evidence / "gdsc" / "headers.txt").read_text(encoding="utf-8")
    assert "three metadata rows (model_name, data_source, gene_symbol)" in recorded
    rows = ["model_id,,,SIDM00001", "model_name,,,A", "data_source,,,Sanger", "gene_symbol,,,", "TP53,,,3"]
    (tmp_path / "rnaseq_merged_rsem_tpm_20260323.csv").write_text("\n".join(rows) + "\n")
    found = read_expression(tmp_path / "rnaseq_merged_rsem_tpm_20260323.csv", model_of={})
    assert found.values.to_dict() == {"SIDM00001": {"TP53": 2.0}}


def test_the_first_address_is_the_recorded_one_and_its_size_and_digest_are_known(seen):
    known, workbook = Addresses(), gdsc.RESPONSE_FILES["8.5"]
    asked = {
        workbook: known.of("gdsc.response", release="8.5", file=workbook),
        gdsc.MODELS: known.of("gdsc.models"),
        gdsc.EXPRESSION_FILES["rnaseq_tpm"]: known.of("gdsc.expression_rnaseq"),
    }
    for file_id, urls in asked.items():
        rows = [seen[url] for url in urls if url in seen]
        assert rows, file_id
        for row in rows:
            assert (int(row["bytes"]), row["sha256"] or None) in gdsc.KNOWN_BYTES[file_id]
    assert asked[workbook][0] in seen
    assert any(url in seen for url in known.of("gdsc.expression_rma"))
