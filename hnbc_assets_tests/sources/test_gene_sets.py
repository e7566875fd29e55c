"""Gene sets: where lists come from, and their formats."""

from __future__ import annotations

import httpx
import pytest

from hnbc_assets.errors import FormatError, StudyError
from hnbc_assets.sources import gene_sets
from hnbc_assets.sources.archive import Archive
from hnbc_assets.sources.http import connect


def written(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("address", "version"),
    [
        (
            "https://data.broadinstitute.org/gsea-msigdb/msigdb/release/2023.2.Hs/h.all.v2023.2.Hs.symbols.gmt",
            "2023.2.Hs",
        ),
        ("https://x.org/sets/hallmark.v7.0.gmt", "7.0"),
        ("https://raw.githubusercontent.com/ebecht/MCPcounter/master/Signatures/genes.txt", "undated"),
    ],
)
def test_the_version_in_an_address_is_the_release(address, version):
    assert gene_sets.release(address) == version


def test_a_local_list_that_changes_is_another_release(tmp_path):
    archive = Archive(tmp_path / "raw")
    path = written(tmp_path, "a.gmt", "S\tx\tA\tB\n")
    first = gene_sets.fetch(None, archive, [path])
    assert gene_sets.fetch(None, archive, [path]).equals(first)
    path.write_text("S\tx\tA\tC\n")
    second = gene_sets.fetch(None, archive, [path])
    assert first["release"][0] != second["release"][0]
    assert gene_sets.read_gmt(archive.locate(first.iloc[0])) == {"S": ["A", "B"]}
    assert gene_sets.read_gmt(archive.locate(second.iloc[0])) == {"S": ["A", "C"]}


def test_addresses_and_files_are_archived_in_the_order_asked(tmp_path):
    path = written(tmp_path, "a.gmt", "S\tx\tA\n")
    address = "https://x.org/sets/v1.2/b.gmt"
    transport = httpx.MockTransport(lambda request: httpx.Response(200, text="T\tx\tB\n"))
    with connect("simulated", transport=transport) as client:
        manifest = gene_sets.fetch(client, Archive(tmp_path / "raw"), [address, path])
    assert manifest["file_id"].tolist() == [address, str(path)]
    assert manifest["release"][0] == "1.2"


def test_a_missing_file_or_client_is_said(tmp_path):
    with pytest.raises(StudyError, match=r"nowhere\.gmt"):
        gene_sets.fetch(None, Archive(tmp_path), [tmp_path / "nowhere.gmt"])
    with pytest.raises(StudyError, match="no client"):
        gene_sets.fetch(None, Archive(tmp_path), ["https://x.org/a.gmt"])


def test_a_gene_counts_once_in_a_set_and_weights_are_left(tmp_path):
    path = written(tmp_path, "a.gmt", "S\t\tA\tB,1.0\tA\t\n\nT\tabout\tC\n")
    assert gene_sets.read_gmt(path) == {"S": ["A", "B"], "T": ["C"]}


@pytest.mark.parametrize(
    ("text", "message"), [("S\tx\n", "line 1"), ("S\tx\tA\nS\tx\tB\n", "twice"), ("\n", "no gene set")]
)
def test_a_gmt_that_is_none_is_an_error_that_says_where(tmp_path, text, message):
    with pytest.raises(FormatError, match=message):
        gene_sets.read_gmt(written(tmp_path, "a.gmt", text))


def test_a_genecards_export_is_ranked_and_cut_by_relevance(tmp_path):
    text = (
        "﻿Gene Symbol,Description,Category,Gifts,GC Id,Relevance score\n"
        'B,"two, words",Protein Coding,40,GC1,0.4\nA,x,Protein Coding,50,GC2,"1,021.5"\n'
        "C,x,RNA,1,GC3,0.39\nA,x,y,1,GC2,3\n"
    )
    path = written(tmp_path, "export.csv", text)
    assert gene_sets.read_genecards(path)["gene"].tolist() == ["A", "B", "C"]
    assert gene_sets.read_genecards(path, 0.4).to_numpy().tolist() == [["A", 1021.5], ["B", 0.4]]
    with pytest.raises(FormatError, match="gene symbol"):
        gene_sets.read_genecards(written(tmp_path, "other.csv", "Gene,Score\nA,1\n"))


def test_markers_are_grouped_by_population(tmp_path):
    rows = ['"CD8B"\t"CD8 T cells"\t1', '"CD5"\t"T cells"\t2', '"CD6"\t"T cells"\t3']
    text = "\n".join(['"HUGO symbols"\t"Cell population"\t"ENTREZID"', *rows, ""])
    path = written(tmp_path, "genes.txt", text)
    assert gene_sets.read_marker_table(path) == {"CD8 T cells": ["CD8B"], "T cells": ["CD5", "CD6"]}


@pytest.mark.real
def test_the_real_lists_are_read_whole(shared):
    sets = shared / "real" / "gene_sets"
    anoikis = gene_sets.read_gmt(sets / "anoikis.gmt")
    assert [len(genes) for genes in anoikis.values()] == [9, 16, 5, 21, 419]
    assert len(gene_sets.read_gmt(sets / "hallmark.v7.0.gmt")) == 50
    assert len(gene_sets.read_marker_table(sets / "mcp_counter.tsv")) == 10
