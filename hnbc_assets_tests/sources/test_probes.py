"""The verdict of a probe on the beginning of a file: the same as that of the reader of the whole file."""

from __future__ import annotations

import httpx
import pytest

from hnbc_assets.errors import FormatError
from hnbc_assets.sources.cbioportal.probes import of_cbioportal
from hnbc_assets.sources.gene_sets.files import read_genecards, read_marker_table
from hnbc_assets.sources.gene_sets.probes import of_gene_sets
from hnbc_assets.sources.web.http import connect
from hnbc_assets.sources.web.probing import probe
from hnbc_assets_tests.sources.cbioportal.portal_hub import FILES, STUDY, Hub

PROFILE = "data_profile.txt"


def verdicts(**changed):
    """The verdict on each file of a study that git stores directly."""
    hub = Hub(FILES | {f"{name}.txt": text for name, text in changed.items()})
    hub.not_in_lfs = set(FILES)
    asks = of_cbioportal(hub.client, STUDY, profile="profile", mutations=True)
    return {found.what: found.verdict for ask in asks for found in probe(hub.client, ask) if found.what in FILES}


def test_tables_that_are_read_are_good():
    assert verdicts() == dict.fromkeys(FILES, "good")


def test_a_profile_may_name_its_genes_by_entrez_id_alone():
    assert verdicts(data_profile="Entrez_Gene_Id\tS1\n1\t0.5\n")[PROFILE] == "good"
    assert verdicts(data_profile="gene\tS1\nA1BG\t0.5\n")[PROFILE] == "fails"


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("data_clinical_patient", "PATIENT_ID"),
        ("data_clinical_sample", "SAMPLE_ID"),
        ("data_mutations", "Hugo_Symbol"),
        ("data_mutations", "Tumor_Sample_Barcode"),
    ],
)
def test_a_table_without_a_column_that_its_reader_needs_fails(name, column):
    found = verdicts(**{name: FILES[f"{name}.txt"].replace(column, "OTHER")})
    assert [file for file, verdict in found.items() if verdict == "fails"] == [f"{name}.txt"]


@pytest.mark.parametrize(
    ("kind", "text", "verdict"),
    [
        ("markers", "HUGO symbols\tCell population\nCD3D\tT cells\n", "good"),
        ("markers", "HUGO symbols;Cell population\nCD3D;T cells\n", "good"),
        ("markers", "gene,Cell population\nCD3D,T cells\n", "fails"),
        ("genecards", "Gene Symbol,Description,Relevance score\nTP53,a,9\n", "good"),
        ("genecards", '"Gene-Symbol";"Relevance Score"\n"TP53";9\n', "good"),
        ("genecards", "Gene Symbol,Score\nTP53,9\n", "fails"),
    ],
)
def test_a_list_is_good_if_its_reader_accepts_it(tmp_path, kind, text, verdict):
    client = connect("simulated", transport=httpx.MockTransport(lambda request: httpx.Response(200, text=text)))
    (found,) = (
        p for ask in of_gene_sets(client, [("own", "https://x.org/v1.0/list", kind)]) for p in probe(client, ask)
    )
    assert found.verdict == verdict
    (tmp_path / "list").write_text(text)
    read = {"markers": read_marker_table, "genecards": read_genecards}[kind]
    if verdict == "good":
        assert len(read(tmp_path / "list")) == 1
    else:
        with pytest.raises(FormatError):
            read(tmp_path / "list")
