"""Lists of genes, damaged: each reader ends in its result or in an error that names the file."""

from __future__ import annotations

import re

import pytest

from hnbc_assets.errors import HnbcError
from hnbc_assets.sources.gene_sets import files as gene_sets
from hnbc_assets_tests.fuzz.mutations import mutate, read, seeds

GENES = [f"GENE{n}" for n in range(40)]
GMT = "".join(
    f"SET_{n}\thttps://www.gsea-msigdb.org/SET_{n}\t" + "\t".join(GENES[n : n + 9]) + "\n" for n in range(8)
).encode()
GENECARDS = (
    "Gene Symbol,Description,Category,UniProt ID,GIFtS,GC id,Relevance score\n"
    + "".join(f'{gene},"gene, {n}",Coding,P{n:05},50,GC{n:06},{40 - n / 3:.6f}\n' for n, gene in enumerate(GENES))
).encode()
MARKERS = (
    '"HUGO symbols"\t"Cell population"\t"ENTREZID"\t"ENSEMBL ID"\n'
    + "".join(f'"{gene}"\t"Population {n // 8}"\t"{n}"\t"ENSG{n:011}"\n' for n, gene in enumerate(GENES))
).encode()


@pytest.mark.parametrize("seed", seeds(8, 1500))
@pytest.mark.parametrize(
    ("reader", "content"),
    [(gene_sets.read_gmt, GMT), (gene_sets.read_genecards, GENECARDS), (gene_sets.read_marker_table, MARKERS)],
    ids=["gmt", "genecards", "markers"],
)
def test_a_damaged_list_is_read_or_named(tmp_path, reader, content, seed):
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    whole = reader(path)
    mutated = mutate(content, seed)
    path.write_bytes(mutated.content)
    made = read(lambda: reader(path), names=("list.txt",), done=mutated.done)
    if not isinstance(made, HnbcError):
        assert len(made), mutated.done
        if re.match(r"line \d+, column", mutated.done):
            assert len(made) >= len(whole) - 1, mutated.done
