"""Known answers on real patients: who is HER2-negative, with expression, with events; the same from two sources."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from hnbc_assets.science.cohorts.clinical import harmonise_clinical
from hnbc_assets.science.cohorts.description import describe_cohort
from hnbc_assets.science.cohorts.endpoints import DAYS_PER
from hnbc_assets.science.cohorts.expression import gene_matrix
from hnbc_assets.science.cohorts.inclusion import decide_inclusion
from hnbc_assets.science.cohorts.samples import choose_samples
from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.cbioportal import files as cbioportal
from hnbc_assets.sources.gdc import files as gdc
from hnbc_assets.sources.geo import files as geo
from hnbc_assets.sources.listing import fetch_listing
from hnbc_assets.sources.web.http import connect

pytestmark = pytest.mark.real
HER2 = {"negative": 764, "positive": 166, "indeterminate": 144, "discordant": 24}


def study(base, tmp_path, name, profile, **settings):
    archive = Archive(tmp_path)
    with connect(base) as client:
        manifest = fetch_listing(client, archive, cbioportal.listing(client, archive, name, profile=profile))
    samples = choose_samples(cbioportal.read_samples(archive, manifest))
    profiled = set(cbioportal.profiled_samples(archive, manifest))
    chosen = samples[samples["selected"] & samples["sample_id"].isin(profiled)]
    values, features = cbioportal.read_expression(archive, manifest, sample_ids=list(chosen["sample_id"]))
    genes, _ = gene_matrix(values.set_axis(chosen["patient_id"], axis=1), features, scale="zscore")
    patients = harmonise_clinical("cbioportal", cbioportal.read_clinical(archive, manifest), **settings).patients
    return decide_inclusion(patients, set(genes.columns)), genes


def described(patients, genes, endpoint):
    words = {"cohort_id": "x", "source": "x", "role": "training", "release": "x", "expression_scale": "zscore"}
    return describe_cohort(patients, genes, endpoint=endpoint, **words).iloc[0]


def test_tcga_by_cbioportal_has_661_her2_negative_patients_with_expression(small_replica, tmp_path):
    """68 deaths, 72 progression events before stage IV is left out, 64 after; follow-up is short."""
    profile = "mrna_seq_v2_rsem_zscores_ref_all_samples"
    patients, genes = study(small_replica.base, tmp_path, "brca_tcga", profile, exclude_stage_iv_from_progression=False)
    assert patients["her2_status"].value_counts().to_dict() == HER2
    included = patients[patients["included"]]
    assert (len(included), included["os_event"].sum(), included["pfi_event"].sum()) == (661, 68, 72)
    assert included["pfi_days"].median() / DAYS_PER["months"] == pytest.approx(25, abs=0.1)
    row = described(patients, genes, "pfi")
    assert (row["n_evaluable"], row["n_zero_time"]) == (659, 0)
    assert row["median_follow_up_days"] / DAYS_PER["months"] == pytest.approx(28.85, abs=0.01)
    by_default, _ = study(small_replica.base, tmp_path, "brca_tcga", profile)
    assert by_default.loc[by_default["included"], "pfi_event"].sum() == 64
    assert by_default.loc[by_default["included"], "os_event"].sum() == 68


def test_metabric_has_216_her2_negative_patients_with_expression_and_93_deaths(small_replica, tmp_path):
    profile = "mrna_illumina_microarray_zscores_ref_diploid_samples"
    patients, genes = study(small_replica.base, tmp_path, "brca_metabric", profile)
    row = described(patients, genes, "os")
    assert (row["n_patients"], row["n_included"], row["n_events"], row["n_genes"]) == (2509, 216, 93, 489)


def test_gse25055_and_gse25065_have_466_her2_negative_patients_with_a_response(small_replica, tmp_path):
    archive = Archive(tmp_path)
    counts = {}
    for part in ("GSE25055", "GSE25065"):
        with connect(small_replica.base) as client:
            clinical = geo.read_clinical(
                archive, fetch_listing(client, archive, geo.listing(client, archive, part, "GPL96"))
            )
        patients = decide_inclusion(harmonise_clinical("named", clinical).patients, set(clinical.index))
        counts[part] = patients.loc[patients["included"], "response"].value_counts().to_dict()
    assert counts == {"GSE25055": {"RD": 236, "pCR": 52}, "GSE25065": {"RD": 137, "pCR": 41}}


def test_gdcs_biotab_gives_the_same_her2_status_as_cbioportal(small_replica, replica, tmp_path):
    """By release 46.0, which has all 1,098 cases; only clinical records and the biotab are fetched."""
    replica.control(release="46.0")
    archive = Archive(tmp_path)
    patients, _ = study(
        small_replica.base, tmp_path, "brca_tcga", "mrna_seq_v2_rsem_zscores_ref_all_samples", cohort_id="cbioportal"
    )
    manifest = clinical_files(replica.base, archive)
    of_gdc = harmonise_clinical("gdc", gdc.read_clinical(archive, manifest)).patients
    assert of_gdc["her2_status"].value_counts().to_dict() == HER2
    both = patients.merge(of_gdc, on="patient_id", suffixes=("", "_gdc"))
    assert len(both) == 1098
    assert both["her2_status"].equals(both["her2_status_gdc"])
    assert both["her2_rule"].equals(both["her2_rule_gdc"])
    deaths = both.loc[both["included"], "os_event_gdc"].sum()
    assert deaths in (67, 68)  # GDC lacks the demographic record of one patient


def clinical_files(base, archive) -> pd.DataFrame:
    """GDC's cases and the biotab, as `gdc.fetch` archives them, without the expression files."""
    folder = "TCGA-BRCA/index"
    biotab = "8162d394-8b64-4da2-9f5b-d164c54b9608"
    with connect(base) as client:
        reply = client.get_json(
            "https://api.gdc.cancer.gov/cases",
            params={"size": 2000, "expand": "demographic,diagnoses,follow_ups", "fields": "submitter_id"},
        )
        text = client.get(f"https://api.gdc.cancer.gov/data/{biotab}").content
    rows = [
        (f"{folder}/cases-0000", f"{folder}/cases-0000.json", json.dumps(reply).encode()),
        (biotab, f"TCGA-BRCA/biotab/{biotab}.txt", text),
    ]
    return pd.DataFrame(
        [archive.store("gdc", "46.0", file_id=i, url="https://x/" + i, path=p, content=c) for i, p, c in rows]
    )
