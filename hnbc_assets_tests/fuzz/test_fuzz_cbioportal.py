"""Fuzz: a cBioPortal study with one damaged file is read whole, or refused with the file's name; never read in part."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.errors import HnbcError
from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.cbioportal import files as cbioportal
from hnbc_assets_tests.fuzz.mutations import mutate, read, seeds

N = 24
IDS = [f"MB-{i:04d}" for i in range(N)]


def table(columns: dict[str, list[str]]) -> str:
    names = list(columns)
    width = "\t".join(["#a"] + ["b"] * (len(names) - 1)) + "\n"
    rows = "".join("\t".join(row) + "\n" for row in zip(*columns.values(), strict=True))
    return width * 4 + "\t".join(names) + "\n" + rows


FILES = {
    "data_clinical_patient.txt": table({
        "PATIENT_ID": IDS,
        "OS_MONTHS": [f"{3.5 * i + 1:.2f}" for i in range(N)],
        "OS_STATUS": ["1:DECEASED" if i % 3 else "0:LIVING" for i in range(N)],
        "ER_IHC": ["Positve" if i % 4 else "NA" for i in range(N)],
    }),
    "data_clinical_sample.txt": table({
        "PATIENT_ID": IDS,
        "SAMPLE_ID": IDS,
        "SAMPLE_TYPE": ["Primary"] * N,
        "HER2_STATUS": ["Positive" if i % 7 == 0 else "Negative" for i in range(N)],
    }),
    "data_profile.txt": "Hugo_Symbol\tEntrez_Gene_Id\t" + "\t".join(IDS) + "\n" + "".join(
        f"GENE{g}\t{g}\t" + "\t".join(f"{5 + 0.37 * ((g * 7 + i) % 11):.4f}" for i in range(N)) + "\n"
        for g in range(30)
    ),
    "data_mutations.txt": "#version 2.4\nHugo_Symbol\tTumor_Sample_Barcode\tStart_Position\n" + "".join(
        f"TP53\t{one}\t{100 + i}\n" for i, one in enumerate(IDS)
    ),
}  # fmt: skip

HEADER = {"data_clinical_patient.txt": 4, "data_clinical_sample.txt": 4, "data_profile.txt": 0, "data_mutations.txt": 1}


def study(root, **changed):
    """An archive of the study's files, some of them changed."""
    archive = Archive(root)
    rows = [
        archive.store("cbioportal", "r", file_id=f"st/{n}", url=f"https://x/{n}", path=f"st/{n}", content=content)
        for n, content in ({name: text.encode() for name, text in FILES.items()} | changed).items()
    ]
    return archive, pd.DataFrame(rows)


def readings(archive, manifest):
    return {
        "clinical": lambda: cbioportal.read_clinical(archive, manifest),
        "samples": lambda: cbioportal.expression_samples(archive, manifest),
        "expression": lambda: cbioportal.read_expression(archive, manifest),
        "mutations": lambda: cbioportal.read_mutations(archive, manifest),
    }


@pytest.mark.parametrize("seed", seeds(12, 500))
@pytest.mark.parametrize("name", list(FILES))
def test_a_damaged_study_is_read_whole_or_refused_by_name(tmp_path, name, seed):
    changed = mutate(FILES[name].encode(), seed, separator=b"\t", header=HEADER[name])
    archive, manifest = study(tmp_path, **{name: changed.content})
    names = [name, "data_clinical"]  # a table that lacks ids may be detected with the one that has them
    found = {what: read(one, names=names, done=changed.done) for what, one in readings(archive, manifest).items()}

    clinical = found["clinical"]
    if not isinstance(clinical, HnbcError):
        assert clinical.index.is_unique, changed.done
        assert clinical.index.notna().all(), changed.done
        assert len(clinical) >= 0.95 * N - 1, f"{changed.done}: {len(clinical)} of {N} patients"
    if not isinstance(found["samples"], HnbcError):
        assert len(found["samples"]) >= 0.95 * N - 2, f"{changed.done}: {len(found['samples'])} of {N} samples"
    if not isinstance(found["expression"], HnbcError):
        values, features = found["expression"]
        assert len(values) == len(features), changed.done
        assert np.isfinite(values.to_numpy()[~values.isna().to_numpy()]).all(), changed.done
        assert values.columns.is_unique, changed.done
