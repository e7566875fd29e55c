"""The simulated hosts' files, read by the same readers as real ones, contain the drawn data and all nuisances."""

from __future__ import annotations

import gzip

import httpx
import numpy as np
import pandas as pd
import pytest

from hnbc_assets.addresses import Addresses
from hnbc_assets.science.cohorts.clinical import harmonise_clinical
from hnbc_assets.science.cohorts.vocabulary import Mappings
from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.cbioportal import files as cbioportal
from hnbc_assets.sources.gdc import files as gdc
from hnbc_assets.sources.gdc import index as gdc_index
from hnbc_assets.sources.gdc.settings import Settings as GdcSource
from hnbc_assets.sources.gdsc import files as gdsc
from hnbc_assets.sources.gdsc.response import read_responses
from hnbc_assets.sources.gene_sets import files as gene_sets
from hnbc_assets.sources.geo import files as geo
from hnbc_assets.sources.geo.settings import Settings as GeoSource
from hnbc_assets.sources.kinds import cohort_files
from hnbc_assets.sources.listing import fetch_listing
from hnbc_assets.sources.simulated import Simulation, draw, transport
from hnbc_assets.sources.simulated.transport import GEO_FTP, GEO_PROBE, MARKERS, MSIGDB, OWN_HOST
from hnbc_assets.sources.web import http

SMALL = Simulation(n_genes=2000, n_tcga=300, n_discovery=120, n_validation=80, n_metabric=60, n_lines=60, n_drugs=20)
HER2_VALUES = {"N": "negative", "P": "positive", "I": "indeterminate"}


@pytest.fixture(scope="module")
def world():
    return draw(SMALL)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return Archive(tmp_path_factory.mktemp("raw"))


@pytest.fixture(scope="module")
def client():
    with http.connect("simulated", transport=transport(SMALL)) as client:
        yield client


@pytest.fixture(scope="module")
def tcga(client, archive):
    return gdc.fetch(client, archive, "TCGA-BRCA", endpoints="tcga_cdr")


@pytest.fixture(scope="module")
def series(client, archive):
    return fetch_listing(client, archive, geo.listing(client, archive, "GSE25055", "GPL96"))


@pytest.fixture(scope="module")
def study(client, archive):
    return fetch_listing(
        client,
        archive,
        cbioportal.listing(client, archive, "brca_metabric", profile="mrna_illumina_microarray", mutations=True),
    )


@pytest.fixture(scope="module")
def screen(client, archive):
    return fetch_listing(client, archive, gdsc.listing(client, archive))


def fetched(url: str) -> str:
    with httpx.Client(transport=transport(SMALL)) as client:
        return client.get(f"https://{url}").text


def test_star_files_contain_the_drawn_tumours(world, archive, tcga):
    """Differences between genes of one tumour are those of the drawn log2 values, up to the rounding of small
    counts."""
    samples = gdc.read_samples(archive, tcga).query("sample_type == 'primary'").drop_duplicates("patient_id")
    chosen = samples.iloc[:5]
    values, features = gdc.read_expression(archive, tcga, value="tpm", sample_ids=list(chosen["sample_id"]))
    values.index = features.set_index("feature_id")["symbol"].reindex(values.index)
    loud = world.roster.genes.index[(world.roster.genes["level"] > 5)]
    for sample, barcode in zip(chosen["sample_id"], chosen["patient_id"], strict=True):
        drawn = world.tcga.frame(world.roster)[int(barcode[-4:]) - 1]
        read = np.log2(values.loc[values.index.isin(loud), sample].groupby(level=0).max()).reindex(loud)
        difference = read - drawn[loud]
        assert difference.std() < 0.02


def test_the_project_has_repeats_normals_metastases_and_patients_without_expression(archive, tcga):
    samples = gdc.read_samples(archive, tcga)
    primary = samples[samples["sample_type"] == "primary"]
    assert primary["patient_id"].duplicated().any()
    assert {"primary", "normal", "metastatic"} <= set(samples["sample_type"])
    assert primary["patient_id"].nunique() < SMALL.n_tcga


def test_the_gene_model_repeats_symbols_and_has_non_coding_genes(archive, tcga):
    samples = gdc.read_samples(archive, tcga)
    _, features = gdc.read_expression(archive, tcga, value="counts", sample_ids=[samples["sample_id"].iloc[0]])
    assert features["symbol"].duplicated().sum() == 12
    assert features["feature_id"].str.endswith("_PAR_Y").sum() == 8
    assert (features["gene_type"] == "lncRNA").sum() == 40


def test_her2_is_recorded_with_every_kind_of_gap_and_contradiction(archive, tcga):
    decided = harmonise_clinical("gdc", gdc.read_clinical(archive, tcga)).patients
    shares = decided["her2_status"].value_counts(normalize=True)
    assert set(shares.index) == {"negative", "positive", "indeterminate", "discordant"}
    assert 0.65 < shares["negative"] < 0.85
    clinical = gdc.read_clinical(archive, tcga)
    word, fish = clinical["biotab_her2_status_by_ihc"], clinical["biotab_her2_fish_status"]
    assert (word.eq("Equivocal") & fish.isna()).any()
    assert (word.eq("Equivocal") & fish.eq("Negative")).any()
    assert (word.isna() & fish.eq("Negative")).any()


def test_survival_has_zero_times_and_missing_ones(archive, tcga):
    clinical = gdc.read_clinical(archive, tcga)
    assert (clinical["cdr_pfi_time"] == 0).any()
    assert clinical["cdr_pfi_time"].isna().any()


def test_the_portal_s_records_and_the_curated_workbook_agree_on_progression(archive, tcga):
    clinical = gdc.read_clinical(archive, tcga)
    progressed = clinical["cdr_pfi"] == 1
    assert (clinical.loc[progressed, "days_to_progression"] == clinical.loc[progressed, "cdr_pfi_time"]).all()
    assert clinical.loc[~progressed, "days_to_progression"].isna().all()


def test_a_sample_of_the_super_series_does_not_say_which_series_it_belongs_to(client, archive, series):
    """As at GEO: samples and values are those of both series, and only the header's rows name the series."""
    other, both = (
        fetch_listing(client, archive, geo.listing(client, archive, name, "GPL96")) for name in ("GSE25065", "GSE25066")
    )
    clinical = [geo.read_clinical(archive, one) for one in (series, other, both)]
    assert [len(table) for table in clinical[:2]] == [SMALL.n_discovery, SMALL.n_validation]
    assert pd.concat(clinical[:2]).equals(clinical[2])
    assert not clinical[2].apply(lambda column: column.astype(str).str.contains("GSE250")).to_numpy().any()
    values = [geo.read_expression(archive, one)[0] for one in (series, other, both)]
    assert pd.concat(values[:2], axis=1).equals(values[2])
    record = fetched(f"{GEO_PROBE}?acc=GSE25066")
    assert "!Series_relation = SuperSeries of: GSE25055\r\n!Series_relation = SuperSeries of: GSE25065" in record


def test_the_gateway_of_the_series_refuses_head_and_ignores_ranges():
    url = f"https://{GEO_FTP}/platforms/GPLnnn/GPL96/annot/GPL96.annot.gz"
    with httpx.Client(transport=transport(SMALL)) as client:
        assert client.head(url).status_code == 403
        answer = client.get(url, headers={"Range": "bytes=10-"})
        assert (answer.status_code, answer.content) == (200, client.get(url).content)


def test_the_series_matrix_contains_the_drawn_tumours(world, archive, series):
    samples = geo.read_clinical(archive, series).index
    values, features = geo.read_expression(archive, series, sample_ids=list(samples))
    symbols = features.set_index("feature_id")["symbol"]
    drawn = world.discovery.frame(world.roster)
    for gene in ("ESR1", "SIMARG001", "SIMARG002"):
        probe = values.loc[symbols.index[symbols == gene]].var(axis=1).idxmax()
        assert np.corrcoef(values.loc[probe], drawn.loc[gene])[0, 1] > 0.95


def test_probes_have_one_symbol_none_or_several_and_some_outdated(archive, series):
    _, features = geo.read_expression(archive, series, sample_ids=None)
    symbols = features["symbol"]
    assert symbols.isna().any()
    assert symbols.dropna().str.contains("///").any()
    assert symbols.duplicated().any()
    assert {"FAM64A", "CASC5"} <= set(symbols.dropna())


def test_the_series_has_missing_values_written_in_both_ways(archive, series):
    text = gzip.decompress(httpx.Client(transport=transport(SMALL)).get(
        f"https://{GEO_FTP}/series/GSE25nnn/GSE25055/matrix/GSE25055_series_matrix.txt.gz").content)  # fmt: skip
    table = text[text.index(b"!series_matrix_table_begin") :]
    assert b"\tnull\t" in table
    values, _ = geo.read_expression(archive, series, sample_ids=None)
    assert values.isna().to_numpy().sum() > 20


def test_response_and_her2_have_every_value_that_the_study_maps(archive, series):
    clinical = geo.read_clinical(archive, series)
    assert {"N", "P", "I"} <= set(clinical["her2_status"])
    harmonised = harmonise_clinical(
        "named", clinical, mappings=Mappings(her2_values=HER2_VALUES), chemotherapy="taxane and anthracycline"
    ).patients
    assert {"pCR", "RD"} <= set(harmonised["response"].dropna())
    assert harmonised["response"].isna().any()


def test_the_study_folder_contains_the_drawn_tumours(world, archive, study):
    values, features = cbioportal.read_expression(archive, study)
    values.index = features["symbol"].to_numpy()
    drawn = world.metabric.frame(world.roster)
    read = values.loc["ESR1"].to_numpy()
    known = np.isfinite(read)
    np.testing.assert_allclose(read[known], drawn.loc["ESR1"].to_numpy()[known], atol=1e-4)
    assert values.index.duplicated().any()


def test_the_study_s_patients_have_months_and_states(archive, study):
    clinical = cbioportal.read_clinical(archive, study)
    harmonised = harmonise_clinical("cbioportal", clinical).patients
    assert harmonised["os_event"].sum() > 10
    assert {"positive", "negative"} <= set(harmonised["er_status"])
    assert set(cbioportal.read_mutations(archive, study)["Hugo_Symbol"]) >= {"PIK3CA", "TP53"}


def test_the_screen_contains_the_drawn_responses(world, archive, screen):
    read = gdsc.read(archive, screen).dose_response
    wide = read.pivot(index="line_id", columns="drug_id", values="ln_ic50")
    drawn = world.lines.ln_ic50
    rows = wide.index.str.removeprefix("SIDM").astype(int).to_numpy()
    difference = np.abs(wide.to_numpy() - drawn[rows])
    assert (np.isnan(wide.to_numpy()) == np.isnan(drawn[rows])).all()
    assert (difference[np.isfinite(difference)] > 1e-5).sum() <= 5
    assert read["drug_name"].nunique() == SMALL.n_drugs - 1


def test_lines_and_their_expression_overlap_but_do_not_coincide(archive, screen):
    lines = gdsc.read(archive, screen).lines.set_index("line_id")
    assert lines.reason.dropna().to_dict() == {
        "9999998": "not screened; its COSMIC id is not in the model list",
        "SIDM00000": "no expression",
        "SIDM00001": "no expression",
        "SIDM99999": "not screened",
    }
    assert lines.used.sum() == SMALL.n_lines - 2
    assert lines.cosmic_ids["SIDM00002"] == "9899999, 9900003"  # the array has the first of them


def test_both_workbooks_have_the_same_fits_and_the_retired_site_is_gone(archive, screen, tmp_path):
    """Sheet, columns and the identifier of a line differ."""
    with httpx.Client(transport=transport(SMALL)) as asked:
        urls = Addresses().of("gdsc.response", release="8.5", file=gdsc.RESPONSE_FILES["8.5"])
        books = [asked.get(url).content for url in urls]
        assert asked.get("https://www.cancerrxgene.org/gdsc1000/x.zip").status_code == 410
    assert books[0] == books[1] != books[2]
    read = []
    for name, content in (("official.xlsx", books[0]), ("legacy.xlsx", books[2])):
        (tmp_path / name).write_bytes(content)
        read.append(read_responses(tmp_path / name))
    same = ["model_id", "cell_line_name", "drug_id", "ln_ic50", "rmse"]
    assert read[0][same].equals(read[1][same])
    assert read[0]["cosmic_id"].isna().all()
    assert read[1]["cosmic_id"].notna().all()


def test_rna_seq_of_the_lines_is_as_drawn(world, client, tmp_path):
    archive = Archive(tmp_path)
    manifest = fetch_listing(client, archive, gdsc.listing(client, archive, expression="rnaseq_tpm"))
    assert list(manifest["file_id"]) == [gdsc.RESPONSE_FILES["8.5"], "model_list", "expression_rnaseq"]
    found = gdsc.read(archive, manifest, "rnaseq_tpm")
    drawn = pd.DataFrame(world.lines.expression, index=world.roster.genes.index)
    drawn.columns = [f"SIDM{i:05d}" for i in drawn.columns]
    loud = drawn.index[drawn.min(axis=1) > 4].intersection(found.expression.index)
    assert len(loud) > 50
    both = drawn.loc[loud, found.expression.columns]
    assert np.abs(found.expression.loc[loud] - both).max(axis=None) < 1e-3  # TPM were rounded to two digits


def test_the_four_go_sets_together_are_the_anoikis_genes(world, tmp_path):
    path = tmp_path / "go.gmt"
    path.write_text(fetched(f"{MSIGDB}/c5.go.bp.v2023.2.Hs.symbols.gmt"))
    sets = gene_sets.read_gmt(path)
    together = set().union(*(genes for name, genes in sets.items() if "ANOIKIS" in name))
    assert together == set(world.roster.genes.index[world.roster.genes["arg_class"] != ""])
    assert all(gene.startswith("SIMARG") for gene in together)


def test_markers_and_cell_types_name_the_populations_of_the_truth(world, tmp_path):
    table, sets = tmp_path / "genes.txt", tmp_path / "cell_types.gmt"
    table.write_text(fetched(MARKERS))
    sets.write_text(fetched(f"{OWN_HOST}/cell_types.gmt"))
    assert set(gene_sets.read_marker_table(table)) == set(world.roster.markers["entity"])
    assert set(gene_sets.read_gmt(sets)) == set(world.roster.cell_types["entity"])


def test_the_probe_gives_the_same_date_as_the_series(client, archive, series):
    assert geo.release(client, "GSE25055") == series["release"].iloc[0] == "2022-11-02"


def test_a_cohorts_index_and_clinical_records_are_read_once(archive, tcga, series, monkeypatch):
    """Samples, expression and clinical records of a cohort come from one reading."""
    read = []
    for module, name in ((gdc_index, "read_pages"), (geo, "read_clinical")):
        original = getattr(module, name)

        def counted(*arguments, name=name, original=original, **more):
            read.append((name, *arguments[2:]))
            return original(*arguments, **more)

        monkeypatch.setattr(module, name, counted)
    files = cohort_files(archive, tcga, GdcSource(kind="gdc", project="TCGA-BRCA", value="tpm"))
    chosen = files.samples["sample_id"].iloc[:2]
    assert list(files.expression(list(chosen))[0].columns) == list(chosen)
    assert read.count(("read_pages", "star")) == 1
    files = cohort_files(archive, series, GeoSource(kind="geo", series="GSE25055", platform="GPL96"))
    assert set(files.samples["patient_id"]) == set(files.clinical.index)
    assert read.count(("read_clinical",)) == 1
