"""Gene sets: the sources of lists, and their formats."""

from __future__ import annotations

import httpx
import pytest

from hnbc_assets.errors import DamagedDownload, FormatError, StudyError, UpstreamRefused, UpstreamUnreachable
from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.gene_sets import files as gene_sets
from hnbc_assets.sources.web.http import connect

LATEST = "https://raw.example/lists/main/genes.gmt"


class Host:
    """Answers every address with its present content; counts the requests."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), 0

    def fetch(self, archive, *locations, **options):
        transport = httpx.MockTransport(self.answer)
        with connect("simulated", transport=transport, retries=1, backoff_seconds=0.01) as client:
            return gene_sets.fetch(client, archive, locations, **options)

    def answer(self, request):
        self.asked += 1
        given = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return httpx.Response(given) if isinstance(given, int) else httpx.Response(200, text=given)


COMMIT = "6b85a671cfa8385798cea6147b6613a172e47ff5"


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
        ("https://raw.githubusercontent.com/ebecht/MCPcounter/master/Signatures/genes.txt", None),
        (f"https://raw.githubusercontent.com/ebecht/MCPcounter/{COMMIT}/Signatures/genes.txt", COMMIT),
        (f"https://raw.githubusercontent.com/ebecht/MCPcounter/{COMMIT[:39]}/Signatures/genes.txt", None),
    ],
)
def test_the_version_in_an_address_is_found(address, version):
    assert gene_sets.version_in(address) == version


def test_an_address_with_a_version_is_queried_once(tmp_path):
    host = Host("T\tx\tB\n")
    archive = Archive(tmp_path / "raw")
    first = host.fetch(archive, "https://x.org/sets/v1.2/b.gmt")
    assert first["release"].tolist() == ["1.2"]
    assert host.fetch(archive, "https://x.org/sets/v1.2/b.gmt").equals(first)
    assert host.asked == 1


def test_an_address_without_version_is_queried_every_time_and_its_content_is_its_release(tmp_path):
    archive = Archive(tmp_path / "raw")
    host = Host("T\tx\tB\n", "T\tx\tB\n", "T\tx\tC\n", "T\tx\tB\n")
    first, same, changed, back = (host.fetch(archive, LATEST) for _ in range(4))
    assert first["release"][0] == first["sha256"][0][:12]
    assert same.equals(first)
    assert changed["release"][0] != first["release"][0]
    assert gene_sets.read_gmt(archive.locate(changed.iloc[0])) == {"T": ["C"]}
    assert back.equals(first)


def test_an_address_without_version_that_is_unreachable_ends_the_run_and_names_the_copy(tmp_path):
    archive = Archive(tmp_path / "raw")
    with pytest.raises(UpstreamUnreachable, match=r"genes\.gmt.*queried in every run\.$"):
        Host(503).fetch(archive, LATEST)
    kept = Host("T\tx\tB\n").fetch(archive, LATEST)
    with pytest.raises(UpstreamUnreachable, match=f"copy of .* is raw/{kept['path'][0]}"):
        Host(503).fetch(archive, LATEST)
    with pytest.raises(UpstreamRefused, match="404"):
        Host(404).fetch(archive, LATEST)


def test_a_web_page_instead_of_a_list_is_requested_again_then_refused(tmp_path):
    archive = Archive(tmp_path / "raw")
    assert Host("<html>busy</html>", "T\tx\tB\n").fetch(archive, LATEST)["size_bytes"][0] == 6
    with pytest.raises(DamagedDownload, match="web page"):
        Host("<!DOCTYPE html>").fetch(archive, LATEST)
    with pytest.raises(DamagedDownload, match="nothing"):
        Host("").fetch(archive, LATEST)


def test_a_local_list_that_changes_is_another_release(tmp_path):
    archive = Archive(tmp_path / "raw")
    path = written(tmp_path, "a.gmt", "S\tx\tA\tB\n")
    first = gene_sets.fetch(None, archive, ["file:a.gmt"], folder=tmp_path)
    assert gene_sets.fetch(None, archive, ["file:a.gmt"], folder=tmp_path).equals(first)
    path.write_text("S\tx\tA\tC\n")
    second = gene_sets.fetch(None, archive, ["file:a.gmt"], folder=tmp_path)
    assert first["release"][0] != second["release"][0]
    assert gene_sets.read_gmt(archive.locate(first.iloc[0])) == {"S": ["A", "B"]}
    assert gene_sets.read_gmt(archive.locate(second.iloc[0])) == {"S": ["A", "C"]}


def test_a_local_list_is_known_by_its_path_in_the_study_wherever_that_is(tmp_path):
    rows = []
    for place in ("here", "there"):
        (tmp_path / place / "lists").mkdir(parents=True)
        written(tmp_path / place / "lists", "a.gmt", "S\tx\tA\n")
        archive = Archive(tmp_path / place / "raw")
        rows.append(gene_sets.fetch(None, archive, ["file:lists/a.gmt"], folder=tmp_path / place))
    assert rows[0].drop(columns="retrieved_at").equals(rows[1].drop(columns="retrieved_at"))
    assert rows[0]["file_id"][0] == rows[0]["url"][0] == "file:lists/a.gmt"


def test_addresses_and_files_are_archived_in_the_order_requested(tmp_path):
    written(tmp_path, "a.gmt", "S\tx\tA\n")
    asked = [LATEST, "https://x.org/sets/v1.2/b.gmt", "file:a.gmt"]
    manifest = Host("T\tx\tB\n").fetch(Archive(tmp_path / "raw"), *asked, asked[0], folder=tmp_path)
    assert manifest["file_id"].tolist() == asked
    assert manifest["release"][1] == "1.2"


def test_a_missing_file_or_client_is_reported(tmp_path):
    with pytest.raises(StudyError, match=r"nowhere\.gmt"):
        gene_sets.fetch(None, Archive(tmp_path), ["file:nowhere.gmt"], folder=tmp_path)
    with pytest.raises(StudyError, match="no client"):
        gene_sets.fetch(None, Archive(tmp_path), ["https://x.org/a.gmt"])


def test_a_gene_counts_once_in_a_set_and_weights_are_ignored(tmp_path):
    path = written(tmp_path, "a.gmt", "S\t\tA\tB,1.0\tA\t\n\nT\tabout\tC\n")
    assert gene_sets.read_gmt(path) == {"S": ["A", "B"], "T": ["C"]}


@pytest.mark.parametrize(
    ("text", "message"), [("S\tx\n", "line 1"), ("S\tx\tA\nS\tx\tB\n", "twice"), ("\n", "no gene set")]
)
def test_an_invalid_gmt_is_an_error_that_names_the_line(tmp_path, text, message):
    with pytest.raises(FormatError, match=message):
        gene_sets.read_gmt(written(tmp_path, "a.gmt", text))


def test_a_genecards_export_is_ranked_and_filtered_by_relevance(tmp_path):
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
