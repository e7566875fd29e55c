"""GDC's files, damaged: each reader ends in its result or in an error that names the file."""

from __future__ import annotations

import gzip
import json
import random
import re

import pandas as pd
import pytest

from hnbc_assets.errors import HnbcError
from hnbc_assets.science.cohorts.clinical import harmonise_clinical
from hnbc_assets.sources.gdc import clinical as gdc_clinical
from hnbc_assets.sources.gdc import evidence as gdc_evidence
from hnbc_assets.sources.gdc import files as gdc
from hnbc_assets.sources.gdc import history as gdc_history
from hnbc_assets.sources.gdc import maf as gdc_maf
from hnbc_assets.sources.gdc.fields import received_fields
from hnbc_assets_tests.fuzz.mutations import mutate, mutate_bytes, read, seeds
from hnbc_assets_tests.fuzz.structures import mutate_json

PAGES = {
    "cases": (
        lambda archive, manifest: gdc.read_clinical(archive, manifest),
        lambda archive, manifest: received_fields(archive, manifest),
        lambda archive, manifest: gdc_evidence.reply_warnings(archive, manifest),
    ),
    "star": (gdc.read_samples, gdc.read_index),
    "maf": (gdc.read_index,),
}


def row_of(manifest, pattern):
    return manifest[manifest.path.str.contains(pattern)].iloc[0]


def content_of(simulated, pattern):
    archive, manifest, _ = simulated
    row = row_of(manifest, pattern)
    return row, archive.locate(row).read_bytes()


@pytest.mark.parametrize(
    ("pattern", "reader"),
    [
        ("/cases-0000", gdc.read_clinical),
        ("/biotab/", gdc.read_clinical),
        ("/cdr/", gdc.read_clinical),
        ("/star/", lambda *kept: gdc.read_expression(*kept, sample_ids=list(gdc.read_samples(*kept)["sample_id"]))),
        ("/maf/", gdc.read_mutations),
    ],
)
def test_readers_are_given_the_damaged_file(simulated, damaged, pattern, reader):
    archive, path = damaged(row_of(simulated[1], pattern), b"x")
    with pytest.raises(HnbcError, match=re.escape(path.name)):
        reader(archive, simulated[1])


@pytest.mark.parametrize("kind", PAGES)
@pytest.mark.parametrize("seed", seeds(6, 800))
def test_a_damaged_reply_is_read_or_named(simulated, damaged, kind, seed):
    row, content = content_of(simulated, f"/{kind}-0000")
    mutated = mutate_json(content, seed)
    archive, path = damaged(row, mutated.content)
    for reader in PAGES[kind]:
        made = read(
            lambda reader=reader: reader(archive, simulated[1]),
            names=(path.name, "two clinical records"),
            done=mutated.done,
        )
        if kind == "cases" and isinstance(made, pd.DataFrame):
            read(lambda made=made: harmonise_clinical("gdc", made, cohort_id="tcga"), done=mutated.done)


@pytest.mark.parametrize("seed", seeds(6, 800))
def test_a_damaged_biotab_is_read_or_named(simulated, damaged, seed):
    row, content = content_of(simulated, "/biotab/")
    mutated = mutate(content, seed, separator=b"\t")
    archive, path = damaged(row, mutated.content)
    made = read(lambda: gdc.read_clinical(archive, simulated[1]), names=(path.name,), done=mutated.done)
    if not isinstance(made, HnbcError):
        read(lambda: harmonise_clinical("gdc", made, cohort_id="tcga"), done=mutated.done)


@pytest.mark.parametrize("seed", seeds(4, 400))
def test_a_damaged_workbook_of_curated_survival_is_read_or_named(simulated, damaged, seed):
    row, content = content_of(simulated, "/cdr/")
    mutated = mutate_bytes(content, random.Random(seed))
    _, path = damaged(row, mutated.content)
    read(lambda: gdc_clinical.read_cdr(path), names=(path.name,), done=mutated.done)


@pytest.mark.parametrize("seed", seeds(6, 800))
def test_a_damaged_star_file_is_read_or_named(simulated, damaged, seed):
    row, content = content_of(simulated, "/star/")
    mutated = mutate(content, seed, separator=b"\t", header=1)
    archive, path = damaged(row, mutated.content)
    manifest = simulated[1]
    samples = list(gdc.read_samples(simulated[0], manifest)["sample_id"])
    whole, _ = gdc.read_expression(*simulated[:2], sample_ids=samples)
    made = read(
        lambda: gdc.read_expression(archive, manifest, sample_ids=samples), names=(path.name,), done=mutated.done
    )
    if not isinstance(made, HnbcError):
        other = (
            made[0].columns != gdc.read_samples(simulated[0], manifest).set_index("file_id")["sample_id"][row.file_id]
        )
        assert made[0].index.equals(whole.index), mutated.done
        assert made[0].loc[:, other].equals(whole.loc[:, other]), mutated.done
    for reader in (gdc_evidence.gene_names, gdc_evidence.n_features, gdc_evidence.gene_models):
        read(lambda reader=reader: reader(archive, manifest), names=(path.name,), done=mutated.done)


@pytest.mark.parametrize("seed", seeds(6, 800))
def test_a_damaged_maf_is_read_or_named(simulated, damaged, seed):
    row, content = content_of(simulated, "/maf/")
    if seed % 4:
        mutated = mutate(gzip.decompress(content), seed, separator=b"\t", header=7)
        archive, path = damaged(row, gzip.compress(mutated.content, 1, mtime=0))
    else:
        mutated = mutate_bytes(content, random.Random(seed))
        archive, path = damaged(row, mutated.content)
    read(lambda: gdc_maf.read_mutations(archive, simulated[1]), names=(path.name,), done=mutated.done)


@pytest.mark.parametrize("seed", seeds(4, 400))
def test_a_damaged_answer_about_replaced_files_is_read_or_named(simulated, damaged, seed):
    row = row_of(simulated[1], "/cases-0000").copy()
    row["file_id"] = "TCGA-BRCA/index/versions-0000"
    manifest = pd.DataFrame([row])
    versions = [{"id": "a", "latest_id": "b", "release": "45.0"}, {"id": "c", "latest_id": None}]
    mutated = mutate_json(json.dumps(versions).encode(), seed)
    archive, path = damaged(row, mutated.content)
    read(lambda: gdc_history.read_superseded(archive, manifest), names=(path.name,), done=mutated.done)
