"""GEO's files, damaged: each reader ends in its result or in an error that names the file."""

from __future__ import annotations

import gzip
import random
import re

import numpy as np
import pytest

from hnbc_assets.errors import HnbcError
from hnbc_assets.science.cohorts.clinical import harmonise_clinical
from hnbc_assets.sources.geo import files as geo
from hnbc_assets_tests.fuzz.mutations import mutate, mutate_bytes, read, seeds

RECORD = (
    "^SERIES = GSE25055\n!Series_title = x\n!Series_status = Public on May 11 2011\n"
    "!Series_last_update_date = Mar 25 2019\n"
)


def packed(content, seed, header):
    """Damage to the text inside, or (one in four) to the packed file."""
    if seed % 4:
        mutated = mutate(gzip.decompress(content), seed, separator=b"\t", header=header)
        return mutated, gzip.compress(mutated.content, 1, mtime=0)
    mutated = mutate_bytes(content, random.Random(seed))
    return mutated, mutated.content


@pytest.mark.parametrize("seed", seeds(8, 600))
def test_a_damaged_series_matrix_is_read_or_named(simulated, damaged, seed):
    archive, _, manifest = simulated
    row = manifest[manifest.file_id.str.contains("series_matrix")].iloc[0]
    content = archive.locate(row).read_bytes()
    lines = gzip.decompress(content).split(b"\n")
    table = next(n for n, line in enumerate(lines) if line.startswith(b"!series_matrix_table_begin")) + 1
    mutated, changed = packed(content, seed, table if seed % 2 else 0)
    archive, path = damaged(row, changed)
    whole, _ = geo.read_expression(simulated[0], manifest)
    clinical = read(lambda: geo.read_clinical(archive, manifest), names=(path.name,), done=mutated.done)
    made = read(lambda: geo.read_expression(archive, manifest), names=(path.name,), done=mutated.done)
    if not isinstance(clinical, HnbcError):
        read(lambda: harmonise_clinical("named", clinical, cohort_id="gse25055"), done=mutated.done)
    if not isinstance(made, HnbcError) and re.match(r"line \d+, column", mutated.done):
        differs = ~np.isclose(made[0].reindex_like(whole), whole, equal_nan=True)
        assert differs.any(axis=1).sum() <= 1, mutated.done  # the line that was changed, and no other


@pytest.mark.parametrize("seed", seeds(6, 800))
def test_a_damaged_annotation_is_read_or_named(simulated, damaged, seed):
    archive, _, manifest = simulated
    row = manifest[manifest.file_id.str.contains("annot")].iloc[0]
    content = archive.locate(row).read_bytes()
    mutated, changed = packed(content, seed, 28)
    _, path = damaged(row, changed)
    read(lambda: geo.read_annotation(path), names=(path.name,), done=mutated.done)


@pytest.mark.parametrize("seed", seeds(6, 800))
def test_a_damaged_record_of_a_series_has_a_date_or_is_refused(seed):
    mutated = mutate(RECORD.encode(), seed, separator=b" ")
    read(lambda: geo.read_release(mutated.content.decode(errors="replace"), "GSE25055"), done=mutated.done)
