"""STAR files: one column of many files, exactly, and no value read from a file of another gene model."""

from __future__ import annotations

import numpy as np
import pytest

from hnbc_assets.errors import FormatError, UpstreamChanged
from hnbc_assets.sources.gdc import star as gdc_star
from hnbc_assets.sources.gdc.star import read_star

NAMES = ["gene_id", "gene_name", "gene_type"]
HEADER = [*NAMES, "unstranded", "stranded_first", "stranded_second", "tpm_unstranded", "fpkm_unstranded"]
GENES = [f"ENSG{i:011d}.{i % 7}" for i in range(500)]


def star(path, tpm, genes=GENES, header=HEADER, comment="# gene-model: GENCODE v36\n"):
    """Write a STAR file with these TPM (as text) and counts 0, 1, 2 …"""
    lines = [comment + "\t".join(header)]
    lines += [f"{name}\t\t\t{c}\t{c}\t{c}\t\t" for name, c in (("N_unmapped", 7), ("N_ambiguous", 8))]
    rows = zip(genes, tpm, strict=True)
    lines += [f"{g}\tS{i // 2}\tprotein_coding\t{i}\t0\t{i}\t{t}\t0.5" for i, (g, t) in enumerate(rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def numbers():
    rng = np.random.default_rng(7)
    return [f"{value:.4f}" for value in rng.lognormal(1, 3, size=len(GENES))]


def test_values_equal_the_text_to_the_last_bit(tmp_path, numbers):
    paths = [star(tmp_path / f"{i}.tsv", numbers[i:] + numbers[:i]) for i in range(5)]
    features, values = read_star(paths, "tpm_unstranded")
    for i, row in enumerate(values):
        assert row.tolist() == [float(text) for text in numbers[i:] + numbers[:i]]
    assert features["feature_id"].tolist() == GENES
    assert features["symbol"].tolist()[:3] == ["S0", "S0", "S1"]
    assert set(features["gene_type"]) == {"protein_coding"}


def test_the_summary_rows_are_not_genes(tmp_path, numbers):
    _, counts = read_star([star(tmp_path / "a.tsv", numbers)], "unstranded")
    assert counts.tolist() == [list(map(float, range(len(GENES))))]


def test_the_quick_reader_and_the_general_one_agree(tmp_path, numbers):
    path = star(tmp_path / "a.tsv", numbers)
    genes = gdc_star.read_columns(path, ["gene_id"])["gene_id"]
    rows = [b"\t".join(line.split(b"\t")[:3]) + b"\t" for line in path.read_bytes().splitlines()[2:]]
    names, ends = np.frombuffer(b"".join(rows), np.uint8), np.cumsum([len(row) for row in rows])
    for column in HEADER[3:]:
        quick = gdc_star.quick_values(path, column, names, ends)
        assert quick is not None
        np.testing.assert_array_equal(quick, gdc_star.general_values(path, column, genes, path))


@pytest.mark.parametrize("odd", ["1e-05", "12345678901234567890.123456", "", "0.00000000000000000000000001"])
def test_a_number_that_is_not_a_plain_decimal_is_read_too(tmp_path, numbers, odd):
    numbers[42] = odd
    _, values = read_star([star(tmp_path / "a.tsv", numbers)], "tpm_unstranded")
    expected = float(odd) if odd else np.nan
    np.testing.assert_array_equal(values[0, 42], expected)
    assert values[0, 43] == float(numbers[43])


@pytest.mark.parametrize("odd", ["-1.5", "inf", "1e999", "high"])
def test_a_value_that_no_count_can_have_is_named(tmp_path, numbers, odd):
    numbers[42] = odd
    with pytest.raises(FormatError, match=rf"a\.tsv, row \d+: tpm_unstranded is '{odd}', not a number of 0 or more"):
        read_star([star(tmp_path / "a.tsv", numbers)], "tpm_unstranded")


@pytest.mark.parametrize(
    "genes",
    [[*GENES[:-1], "ENSG99999999999.1"], [GENES[1], GENES[0], *GENES[2:]], GENES[:-1], [*GENES, "ENSG99999999999.1"]],
    ids=["another", "swapped", "fewer", "more"],
)
def test_a_file_of_another_gene_model_is_named(tmp_path, numbers, genes):
    first = star(tmp_path / "first.tsv", numbers)
    other = star(tmp_path / "other.tsv", ["1.5"] * len(genes), genes)
    with pytest.raises(UpstreamChanged, match=r"other\.tsv.*first\.tsv"):
        read_star([first, other], "tpm_unstranded")


def test_a_gene_renamed_in_one_file_is_still_the_same_gene(tmp_path, numbers):
    first, other = star(tmp_path / "first.tsv", numbers), star(tmp_path / "other.tsv", numbers)
    other.write_text(other.read_text().replace("\tS7\t", "\tS7NEW\t"))
    features, values = read_star([first, other], "tpm_unstranded")
    assert values[0].tolist() == values[1].tolist()
    assert "S7" in set(features["symbol"])


def test_columns_are_found_by_their_names(tmp_path, numbers):
    first = star(tmp_path / "first.tsv", numbers)
    moved = [*HEADER[:4], "tpm_unstranded", *HEADER[5:6], "stranded_first", HEADER[7]]
    other = star(tmp_path / "other.tsv", ["9"] * len(GENES), header=moved, comment="# a\n# b\n")
    _, values = read_star([first, other], "tpm_unstranded")
    assert (values[1] == 0).all()


def test_a_file_without_the_column_is_named(tmp_path, numbers):
    first = star(tmp_path / "first.tsv", numbers)
    other = star(tmp_path / "other.tsv", numbers, header=[*HEADER[:6], "tpm", HEADER[7]])
    with pytest.raises(UpstreamChanged, match=r"other\.tsv"):
        read_star([first, other], "tpm_unstranded")


def test_no_bytes_mislead_the_quick_reader(tmp_path, numbers):
    first = star(tmp_path / "first.tsv", numbers)
    whole, rng = first.read_bytes(), np.random.default_rng(3)
    for round_ in range(60):
        text = bytearray(whole)
        if round_ % 3 == 0:
            text = text[: rng.integers(1, len(text))]
        for place in rng.integers(0, len(text), size=round_ % 4):
            text[place] = rng.choice(list(b"\t\n.x9#\x00\xff"))
        other = tmp_path / "other.tsv"
        other.write_bytes(text)
        try:
            _, values = read_star([first, other], "tpm_unstranded")
        except (UpstreamChanged, FormatError):
            continue
        rows = [line.split(b"\t") for line in bytes(text).rstrip(b"\n").split(b"\n") if line[:4] == b"ENSG"]
        assert [row[0].decode() for row in rows] == GENES
        assert values[1].tolist() == [float(row[6]) for row in rows]


def test_no_files_give_no_rows():
    features, values = read_star([], "tpm_unstranded")
    assert len(features) == 0
    assert values.size == 0
