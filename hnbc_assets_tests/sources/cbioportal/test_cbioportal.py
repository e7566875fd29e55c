"""cBioPortal's tables: clinical records, profiles, mutations, their structure; on the real studies and on small
ones.
"""

from __future__ import annotations

import gzip
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.errors import FormatError
from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.cbioportal import files as cbioportal
from hnbc_assets.sources.cbioportal import profile as cbioportal_profile
from hnbc_assets.sources.listing import fetch_listing
from hnbc_assets.sources.web.http import connect
from hnbc_assets_tests.sources.cbioportal.portal_hub import FILES, MAF, PATIENTS, PROFILE, SAMPLES


def archived(tmp_path, **changed):
    archive = Archive(tmp_path)
    rows = [
        archive.store(
            "cbioportal",
            "r",
            file_id=f"st/{n}",
            url=f"https://x/{n}",
            path=f"st/{n}",
            content=changed.get(n, t).encode(),
        )
        for n, t in FILES.items()
    ]
    return archive, pd.DataFrame(rows)


def test_patients_and_samples_are_merged_with_the_primary_sample_first(tmp_path):
    clinical = cbioportal.read_clinical(*archived(tmp_path))
    assert list(clinical.index) == ["P1", "P2", "P3"]
    assert clinical.loc["P1", ["SAMPLE_ID", "GRADE", "STAGE"]].tolist() == ["S1", "2", "I"]
    assert clinical.loc["P2", "STAGE"] == "II"
    assert clinical.loc["P2", "AGE"] is None
    assert pd.isna(clinical.loc["P3", "SAMPLE_ID"])


def test_sample_types_are_in_the_project_s_terms(tmp_path):
    samples = cbioportal.read_samples(*archived(tmp_path))
    assert samples["sample_type"].tolist() == ["metastatic", "primary", "primary"]
    assert samples["file_id"].unique().tolist() == ["st/data_clinical_sample.txt"]


def test_repeated_and_missing_symbols_stay_apart(tmp_path):
    values, features = cbioportal.read_expression(*archived(tmp_path), sample_ids=["S2", "S1"])
    assert list(values.index) == ["A1BG", "A1BG#2", "entrez:9"]
    np.testing.assert_array_equal(values.to_numpy(), [[np.nan, 0.5], [2, 1.5], [4, 3]])
    assert features["symbol"].tolist()[:2] == ["A1BG", "A1BG"]
    assert features["symbol"][2] is None


def test_a_sample_that_the_profile_lacks_is_named(tmp_path):
    archive, manifest = archived(tmp_path)
    assert cbioportal.profiled_samples(archive, manifest) == ["S1", "S2"]
    with pytest.raises(FormatError, match="S1M"):
        cbioportal.read_expression(archive, manifest, sample_ids=["S1", "S1M"])


def test_mutations_know_their_patient(tmp_path):
    mutations = cbioportal.read_mutations(*archived(tmp_path))
    assert mutations["patient_id"].tolist() == ["P1", "TCGA-A1-A0SB"]


def broken(tmp_path, name, text):
    archive, manifest = archived(tmp_path, **{f"data_{name}.txt": text})
    read = {"clinical_patient": cbioportal.read_clinical, "clinical_sample": cbioportal.read_clinical,
            "profile": cbioportal.read_expression, "mutations": cbioportal.read_mutations}[name]  # fmt: skip
    with pytest.raises(FormatError) as caught:
        read(archive, manifest)
    assert f"st/data_{name}.txt" in str(caught.value)
    assert "fetch the study again" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("clinical_patient", PATIENTS[:-8], "line 8: 1 cells where the header has 3. It is the last one"),
        ("clinical_patient", PATIENTS.replace("P2\tNA\tII", "P2\tNA"), "line 7: 2 cells where the header has 3"),
        ("clinical_patient", PATIENTS.replace("P2\tNA", "P2\tNA\t7\t"), "line 7: 5 cells where the header has 3"),
        ("clinical_patient", PATIENTS.replace("\tSTAGE", "\tAGE"), "two columns named 'AGE'"),
        ("clinical_patient", PATIENTS.replace("PATIENT_ID", "ID"), "has no column PATIENT_ID"),
        ("clinical_patient", PATIENTS[:40], "has no header, only 3 lines that begin with #"),
        ("clinical_patient", "", "has no header"),
        ("clinical_patient", PATIENTS + "P1\t51\tI\n", "two rows for patient P1"),
        ("clinical_patient", PATIENTS + "\t51\tI\n", "1 rows without patient id"),
        ("clinical_patient", PATIENTS[: PATIENTS.index("P2")], "no row for 1 of 2 patients of the sample table"),
        ("clinical_sample", SAMPLES + "P3\tS1\tPrimary\tI\t1\n", "two rows for sample S1"),
        ("clinical_sample", SAMPLES + "P3\tS3\tPrimary\tI\n", "line 7: 4 cells where the header has 5. It is the last"),
        ("mutations", MAF + "TP53\tS1\n", "line 5: 2 cells where the header has 3. It is the last one"),
        ("mutations", MAF.replace("Hugo_Symbol", "Gene"), "has no column Hugo_Symbol"),
        ("profile", PROFILE[:-3], "line 4: 3 cells where the header has 4. It is the last one: the file is truncated"),
        ("profile", PROFILE.replace("\tNA", ""), "line 2: 3 cells where the header has 4. D"),
        ("profile", PROFILE.replace("\tNA", "\tNA\t1").replace("\t2\n", "\n"), "line 2: 5 cells where the header"),
        ("profile", PROFILE.replace("0.5", "O.5"), "line 2, sample S1: 'O.5' is not a number"),
        ("profile", PROFILE.replace("\t2\n", "\t1e999\n"), "line 3, sample S2: '1e999' is not a number"),
        ("profile", PROFILE.replace("\tS2", "\tS1"), "two columns named 'S1'"),
        ("profile", PROFILE.replace("Hugo_Symbol\tEntrez_Gene_Id", "a\tb"), "neither Hugo_Symbol nor Entrez_Gene_Id"),
        ("profile", PROFILE[: PROFILE.index("A1BG")], "a header and no rows"),
    ],
)  # fmt: skip
def test_a_table_with_another_structure_is_named_with_line_and_remedy(tmp_path, name, text, message):
    assert message in broken(tmp_path, name, text)


def test_a_sample_table_that_is_truncated_is_detected_by_the_profile(tmp_path):
    archive, manifest = archived(tmp_path, **{"data_clinical_sample.txt": SAMPLES[: SAMPLES.index("P2")]})
    with pytest.raises(FormatError, match="no row for 1 of 2 samples of the expression profile"):
        cbioportal.expression_samples(archive, manifest)
    assert cbioportal.expression_samples(*archived(tmp_path / "whole"))["sample_id"].tolist() == ["S1", "S2"]


@pytest.mark.parametrize("ending", ["\r\n", "\r", "\n"], ids=["CRLF", "CR", "LF"])
@pytest.mark.parametrize("last", [True, False], ids=["ended", "last line without end"])
@pytest.mark.parametrize("block", [1, 16, 1 << 20])
def test_line_ends_marks_and_pieces_make_no_difference(tmp_path, monkeypatch, ending, last, block):
    monkeypatch.setattr(cbioportal_profile, "BLOCK_BYTES", block)
    expected = cbioportal.read_expression(*archived(tmp_path / "plain"))
    changed = {name: ("\ufeff" + (text if last else text[:-1])).replace("\n", ending) for name, text in FILES.items()}
    archive, manifest = archived(tmp_path / "changed", **changed)
    for one, other in zip(cbioportal.read_expression(archive, manifest), expected, strict=True):
        pd.testing.assert_frame_equal(one, other)
    pd.testing.assert_frame_equal(
        cbioportal.read_clinical(archive, manifest), cbioportal.read_clinical(*archived(tmp_path / "plain"))
    )


def test_a_packed_profile_is_read_as_a_plain_one_and_a_damaged_one_is_named(tmp_path):
    rows = np.random.default_rng(7).normal(size=(400, 50))
    text = "Hugo_Symbol\t" + "\t".join(f"S{i}" for i in range(50)) + "\n"
    text += "".join(f"G{i}\t" + "\t".join(map(repr, row.tolist())) + "\n" for i, row in enumerate(rows))
    archive = Archive(tmp_path)
    packed = gzip.compress(text.encode(), mtime=0)

    def kept(name, content):
        row = archive.store("cbioportal", "r", file_id=name, url=f"https://x/{name}", path=name, content=content)
        return pd.DataFrame([row])

    values, features = cbioportal.read_expression(archive, kept("st/data_profile.txt.gz", packed))
    np.testing.assert_array_equal(values.to_numpy(), rows)
    assert features["entrez_gene_id"].isna().all()
    some, _ = cbioportal.read_expression(archive, kept("st/data_b.txt.gz", packed), sample_ids=["S9", "S3"])
    np.testing.assert_array_equal(some.to_numpy(), rows[:, [9, 3]])
    for name, content in (("cut", packed[:-200]), ("flipped", packed[:900] + b"\x00\xff" + packed[902:])):
        with pytest.raises(FormatError, match=f"data_{name}.txt.gz"):
            cbioportal.read_expression(archive, kept(f"st/data_{name}.txt.gz", content))


READ = """
import resource, sys
from pathlib import Path
import pandas as pd
from hnbc_assets.sources.cbioportal import files as cbioportal
from hnbc_assets.sources.archive.store import Archive

archive = Archive(Path(sys.argv[1]))
manifest = pd.DataFrame([{"file_id": "st/data_profile.txt", "path": "st/data_profile.txt"}])
samples = cbioportal.profiled_samples(archive, manifest)
values, _ = cbioportal.read_expression(archive, manifest, sample_ids=samples[: int(sys.argv[2])])
print(*values.shape, float(values.to_numpy().sum()), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


@pytest.mark.full
@pytest.mark.parametrize("n_samples", [1980, 1400])
def test_a_profile_of_metabric_s_size_is_read_in_little_more_memory_than_its_values_take(tmp_path, n_samples):
    """20,603 genes × 1,980 samples in 689 MB of text: 326 MB of values, read in a separate process."""
    row = np.random.default_rng(7).uniform(5, 15, 1980)
    cells = "".join(f"\t{value:.14f}" for value in row)
    (tmp_path / "st").mkdir()
    with (tmp_path / "st/data_profile.txt").open("w") as file:
        file.write("Hugo_Symbol\tEntrez_Gene_Id\t" + "\t".join(f"MB-{i:04d}" for i in range(1980)) + "\n")
        file.writelines(f"GENE{i}\t{i}{cells}\n" for i in range(20603))
    assert (tmp_path / "st/data_profile.txt").stat().st_size > 689e6
    done = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path), str(n_samples)], capture_output=True, text=True, check=True
    )
    n_rows, n_columns, total, peak = map(float, done.stdout.split())
    assert (n_rows, n_columns) == (20603, n_samples)
    assert total == pytest.approx(20603 * row[:n_samples].sum(), rel=1e-9)
    assert peak < 1.2e9


@pytest.mark.real
def test_the_real_studies_are_read_whole(small_replica, tmp_path):
    archive = Archive(tmp_path)
    with connect(small_replica.base) as client:
        tcga = fetch_listing(
            client,
            archive,
            cbioportal.listing(
                client, archive, "brca_tcga", profile="mrna_seq_v2_rsem_zscores_ref_all_samples", mutations=True
            ),
        )
        release = cbioportal.release(
            client, "brca_tcga", profile="mrna_seq_v2_rsem_zscores_ref_all_samples", mutations=True
        )
    assert set(tcga["release"]) == {release}
    clinical = cbioportal.read_clinical(archive, tcga)
    values, features = cbioportal.read_expression(archive, tcga)
    assert (len(clinical), values.shape, features["symbol"].nunique()) == (1098, (1558, 956), 1558)
    assert values.to_numpy().max() == pytest.approx(36893, abs=1)
    mutations = cbioportal.read_mutations(archive, tcga)
    assert (len(mutations), mutations["patient_id"].isna().sum()) == (76673, 0)
