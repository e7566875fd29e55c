"""GDSC's files, damaged: workbook, expression of the lines, models and genes are read, or named in an error."""

from __future__ import annotations

import gzip
import random

import pytest

from hnbc_assets.errors import FormatError
from hnbc_assets.sources.gdsc import expression as gdsc_expression
from hnbc_assets.sources.gdsc import models as gdsc_models
from hnbc_assets.sources.gdsc import response as gdsc_response
from hnbc_assets_tests.fuzz.mutations import mutate, mutate_bytes, read, seeds

COSMIC = [str(905940 + n) for n in range(12)]
MODELS = {cosmic: f"SIDM{n:05}" for n, cosmic in enumerate(COSMIC)}
GENES = {f"ENSG{n:011}": f"GENE{n}" for n in range(1, 21)}
ROWS = ("\t".join([gene, *(f"{3 + n / 7 + i / 5:.4f}" for i in range(12))]) for n, gene in enumerate(GENES))
RMA = "\n".join(["\t".join(["ensembl_gene", *COSMIC]), *ROWS, ""]).encode()
RNASEQ = (
    "model_id,,," + ",".join(MODELS.values()) + "\nmodel_name,,," + ",".join(f"L{n}" for n in range(12))
    + "\ndataset,,," + ",".join(["S"] * 12) + "\ngene_id,symbol,," + "," * 11 + "\n"
    + "".join(f"{symbol},x,y," + ",".join(f"{i * 1.5 + n:.2f}" for i in range(12)) + "\n"
              for n, symbol in enumerate(GENES.values()))
).encode()  # fmt: skip
LISTED = ("model_id,model_name,COSMIC_ID\n" + "".join(f"{m},Line {c},{c}\n" for c, m in MODELS.items())).encode()
NAMED = (
    "gene_id,ensembl_gene_id,hgnc_symbol,cosmic_gene_symbol\n"
    + "".join(f"SIDG{n},{gene},{symbol},\n" for n, (gene, symbol) in enumerate(GENES.items()))
).encode()


def expression(path):
    return gdsc_expression.read_expression(path, model_of=MODELS, symbols=lambda: GENES)


FILES = {
    "rma": (RMA, b"\t", expression),
    "rnaseq": (RNASEQ, b",", expression),
    "models": (LISTED, b",", gdsc_models.read_models),
    "genes": (NAMED, b",", gdsc_models.read_symbols),
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("seed", seeds(6, 1200))
def test_a_damaged_table_is_read_or_named(tmp_path, kind, seed):
    content, separator, reader = FILES[kind]
    path = tmp_path / "table.txt"
    path.write_bytes(content)
    reader(path)  # the undamaged file is read
    mutated = mutate(content, seed, separator=separator)
    path.write_bytes(gzip.compress(mutated.content, 1, mtime=0) if seed % 5 == 4 else mutated.content)
    read(lambda: reader(path), names=("table.txt",), done=mutated.done)


@pytest.mark.parametrize("kind", FILES)
def test_a_packed_file_of_nothing_is_named(tmp_path, kind):
    path = tmp_path / "table.txt"
    path.write_bytes(gzip.compress(b""))
    with pytest.raises(FormatError, match=r"table\.txt"):
        FILES[kind][2](path)


@pytest.mark.parametrize("seed", seeds(6, 600))
def test_a_damaged_workbook_of_responses_is_read_or_named(tmp_path, seed):
    from hnbc_assets.sources.simulated.delimited import workbook

    columns = {
        "CELL_LINE_NAME": [f"Line {n}" for n in range(12)],
        "SANGER_MODEL_ID": list(MODELS.values()),
        "CANCER_TYPE": ["Breast Carcinoma"] * 12,
        "DRUG_ID": [1003] * 12,
        "DRUG_NAME": ["Camptothecin"] * 12,
        "LN_IC50": [n / 3 for n in range(12)],
    }
    chance = random.Random(seed)
    if seed % 2:  # a cell with another value
        name = chance.choice(list(columns))
        odd = chance.choice(["", "NA", "x", None, -1, 1e308, float("inf"), "=1/0", True, "001", 1.5])
        columns[name] = [*columns[name][:5], odd, *columns[name][6:]]
        done, content = f"{name}: {odd!r}", workbook({"Sheet1": columns})
    else:
        mutated = mutate_bytes(workbook({"Sheet1": columns}), chance)
        done, content = mutated.done, mutated.content
    path = tmp_path / "response.xlsx"
    path.write_bytes(content)
    read(lambda: gdsc_response.read_responses(path), names=("response.xlsx",), done=done)
