"""The simulated GDC's two releases differ exactly as planned, and a client fetches only what changed."""

from __future__ import annotations

from dataclasses import replace

import httpx
import numpy as np
import pandas as pd
import pytest

from hnbc_assets.science.cohorts.clinical import harmonise_clinical
from hnbc_assets.science.cohorts.samples import choose_samples
from hnbc_assets.science.signature.lasso import fit_lasso
from hnbc_assets.sources.gdc import files as gdc
from hnbc_assets.sources.gdc.index import CDR_FILE_ID
from hnbc_assets.sources.simulated import Simulation, planned_changes, transport, truth
from hnbc_assets.sources.simulated.gdc_records import BIOTAB_ID

API = "https://api.gdc.cancer.gov"
TINY = Simulation(n_genes=1500, n_tcga=60, n_discovery=30, n_validation=30, n_metabric=30, n_lines=40, n_drugs=20)
RELEASES = ("45.0", "46.0")
COLUMNS = ["kind", "entity", "field", "old_value", "new_value"]


def written(value: object) -> str | None:
    if pd.isna(value):
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def rows(table: pd.DataFrame, *kinds: str) -> set[tuple]:
    """Rows of these kinds as plain tuples."""
    chosen = table.loc[table["kind"].isin(kinds), COLUMNS]
    return {tuple(None if pd.isna(value) else value for value in row) for row in chosen.itertuples(index=False)}


def compared_clinical(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """The differences of two clinical tables, found by reading every value of both."""
    assert set(old.index) <= set(new.index)
    found = [("patient_added", barcode, None, None, None) for barcode in new.index.difference(old.index)]
    for barcode in old.index:
        for field in old.columns.union(new.columns):
            values = written(old.at[barcode, field]), written(new.at[barcode, field])
            if values[0] != values[1]:
                found.append(("value_changed", barcode, field, *values))
    return pd.DataFrame(found, columns=COLUMNS)


def compared_indexes(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """The differences of two indexes; a file of the same kind and aliquot under another id is a new version."""
    old, new = old.set_index("file_id"), new.set_index("file_id")
    removed, added = old.loc[old.index.difference(new.index)], new.loc[new.index.difference(old.index)]
    successor = {(row.kind, row.aliquot_id): row.Index for row in added.itertuples()}
    found = []
    for row in removed.itertuples():
        after = successor.pop((row.kind, row.aliquot_id), None)
        if after:
            found.append(("file_superseded", row.Index, "file_id", row.Index, after))
        else:
            found.append(("file_removed", row.Index, row.kind, None, None))
    found += [("file_added", file_id, kind, None, None) for (kind, _), file_id in successor.items()]
    both = old.index.intersection(new.index)
    other = both[old.loc[both, "md5"] != new.loc[both, "md5"]]
    found += [("file_superseded", one, "md5", old.at[one, "md5"], new.at[one, "md5"]) for one in other]
    return pd.DataFrame(found, columns=COLUMNS)


def test_the_clinical_records_differ_as_planned(clinical, planned):
    found = compared_clinical(clinical["45.0"], clinical["46.0"])
    assert rows(found, "patient_added", "value_changed") == rows(planned, "patient_added", "value_changed")


def test_the_files_differ_as_planned(indexes, planned):
    found = compared_indexes(indexes["45.0"], indexes["46.0"])
    kinds = ("file_added", "file_removed", "file_superseded")
    assert rows(found, *kinds) == rows(planned, *kinds)


def test_one_field_is_renamed_as_planned(simulation, planned):
    """The mapping of each release lists its own name of the field, and nothing else changes."""
    fields = {}
    for release in RELEASES:
        with httpx.Client(transport=transport(replace(simulation, release=release))) as client:
            fields[release] = set(client.get(f"{API}/cases/_mapping").json()["fields"])
    removed, added = fields["45.0"] - fields["46.0"], fields["46.0"] - fields["45.0"]
    found = {("field_renamed", None, new, old.split(".")[-1], new.split(".")[-1]) for old in removed for new in added}
    assert found == rows(planned, "field_renamed")


def test_every_kind_of_change_occurs_in_the_planned_number(simulation, planned):
    counts = planned["kind"].value_counts()
    assert counts["patient_added"] == round(0.05 * simulation.n_tcga)
    assert counts["file_removed"] == counts["field_renamed"] == 1
    assert (planned["field"] == "file_id").sum() == 8
    changed = planned[planned["kind"] == "value_changed"]
    assert changed["entity"].nunique() == round(0.04 * simulation.n_tcga)
    assert (changed["field"].eq("vital_status") & changed["new_value"].eq("Dead")).any()
    assert (changed["field"].eq("cdr_pfi") & changed["new_value"].eq("1")).any()


@pytest.mark.parametrize("variant", ["default", "null", "batch", "no_overlap"])
def test_the_smallest_study_has_its_fewest_changes_in_every_variant(variant):
    planned = planned_changes(replace(TINY, variant=variant))
    assert (planned["kind"] == "patient_added").sum() == 8
    assert planned.loc[planned["kind"] == "value_changed", "entity"].nunique() == 6


def test_follow_up_only_grows_and_no_event_is_taken_back(clinical):
    old, new = clinical["45.0"], clinical["46.0"].loc[clinical["45.0"].index]
    for endpoint in ("os", "dss", "pfi"):
        assert (new[f"cdr_{endpoint}"].fillna(0) >= old[f"cdr_{endpoint}"].fillna(0)).all()
    assert (new["cdr_os_time"].fillna(0) >= old["cdr_os_time"].fillna(0)).all()
    assert (new["cdr_pfi_time"] <= new["cdr_os_time"]).sum() == new["cdr_os_time"].notna().sum()


def test_the_biotab_has_the_same_follow_up_as_the_api(release_archive, fetched, clinical):
    manifest = fetched["46.0"][0].set_index("file_id")
    lines = release_archive.locate(manifest.loc[BIOTAB_ID]).read_text().splitlines()
    cells = pd.DataFrame([line.split("\t") for line in lines[3:]], columns=lines[0].split("\t"))
    cells = cells.set_index("bcr_patient_barcode").reindex(clinical["46.0"].index)
    dead = clinical["46.0"]["vital_status"] == "Dead"
    assert list(cells.loc[dead, "vital_status"].unique()) == ["Dead"]
    assert list(cells.loc[dead, "death_days_to"]) == [written(v) for v in clinical["46.0"].loc[dead, "days_to_death"]]


def test_on_a_new_release_a_client_downloads_only_what_is_new(fetched, planned):
    downloaded = [path.rpartition("/")[2] for path in fetched["46.0"][1] if path.startswith("/data/")]
    added = planned.loc[planned["kind"] == "file_added", "entity"]
    versions = planned.loc[planned["field"] == "file_id", "new_value"]
    assert sorted(downloaded) == sorted([*added, *versions, BIOTAB_ID, CDR_FILE_ID])


def test_added_patients_have_records_and_most_have_files(indexes, clinical, planned):
    arrived = set(planned.loc[planned["kind"] == "patient_added", "entity"])
    index = indexes["46.0"]
    for kind in ("star", "maf"):
        with_file = set(index.loc[index["kind"] == kind, "patient_id"]) & arrived
        assert len(with_file) > 0.8 * len(arrived)
    assert clinical["46.0"].loc[sorted(arrived), "biotab_er_status_by_ihc"].notna().mean() > 0.8
    assert clinical["46.0"].loc[sorted(arrived), "cdr_os_time"].notna().mean() > 0.8


def test_new_versions_touch_training_patients_and_the_removed_file_is_nobody_s_chosen_tumour(
    release_archive, fetched, clinical, planned
):
    samples = choose_samples(gdc.read_samples(release_archive, fetched["45.0"][0])).set_index("file_id")
    patients = harmonise_clinical("gdc", clinical["45.0"]).patients.set_index("patient_id")
    trains = patients["her2_status"].eq("negative") & patients["pfi_days"].notna()
    versions = samples.loc[planned.loc[planned["field"] == "file_id", "old_value"]]
    assert (versions["selected"] & versions["patient_id"].map(trains)).sum() >= 2
    removed = planned.loc[planned["kind"] == "file_removed", "entity"]
    assert not samples.loc[removed, "selected"].any()


def test_a_new_version_is_a_little_different_from_the_old(release_archive, fetched, planned):
    old_id, new_id = planned.loc[planned["field"] == "file_id", ["old_value", "new_value"]].iloc[0]
    read = {}
    for release, file_id in (("45.0", old_id), ("46.0", new_id)):
        manifest = fetched[release][0]
        samples = gdc.read_samples(release_archive, manifest).set_index("file_id")
        read[release], _ = gdc.read_expression(
            release_archive, manifest, value="tpm", sample_ids=[samples.at[file_id, "sample_id"]]
        )
    log2 = {release: np.log2(values.iloc[:, 0].to_numpy() + 1) for release, values in read.items()}
    assert 0 < np.abs(log2["46.0"] - log2["45.0"]).mean() < 0.3
    assert np.corrcoef(log2["45.0"], log2["46.0"])[0, 1] > 0.98


def test_a_signature_trained_on_the_second_release_differs(simulation, release_archive, fetched, clinical):
    """LASSO-Cox of PFI on the planted survival genes, HER2-negative patients, as the default study trains."""
    table = truth(simulation)
    genes = sorted(table.loc[table["anoikis_gene"] & (table["question"] == "survival") & table["holds"], "entity"])
    coefficients = {}
    for release in RELEASES:
        patients = harmonise_clinical("gdc", clinical[release]).patients.set_index("patient_id")
        patients = patients[patients["her2_status"].eq("negative") & patients["pfi_days"].notna()]
        samples = choose_samples(gdc.read_samples(release_archive, fetched[release][0]))
        samples = samples[samples["selected"] & samples["patient_id"].isin(patients.index)]
        values, features = gdc.read_expression(
            release_archive, fetched[release][0], value="tpm", sample_ids=list(samples["sample_id"])
        )
        values.index = features.set_index("feature_id")["symbol"].reindex(values.index)
        x = np.log2(values.loc[genes].T.to_numpy() + 1)
        survival = patients.loc[samples["patient_id"]]
        path = fit_lasso(
            x, survival["pfi_days"].to_numpy(float), survival["pfi_event"].to_numpy(bool), genes=genes, folds=5,
            repeats=1, seed=1,
        )  # fmt: skip
        coefficients[release] = path.coefficients[path.chosen]
    moved = (coefficients["46.0"] - coefficients["45.0"]).abs()
    assert (coefficients["45.0"] != 0).any()
    assert moved.max() > 0.02
