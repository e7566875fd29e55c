"""A user's tables, damaged: read as before if nothing was lost, refused with a message if something would be."""

from __future__ import annotations

import io
import random
import re

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.errors import HnbcError
from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.listing import fetch_listing
from hnbc_assets.sources.table import files as user_table
from hnbc_assets_tests.fuzz import mutations
from hnbc_assets_tests.fuzz.mutations import Mutated, seeds

PATIENTS = [f"{number:03d}" for number in range(1, 25)]  # zero-padded, which spreadsheets often remove
GENES = ["TP53", "ESR1", "MKI67", "ERBB2", "PGR", "AURKA"]
# Changes that do not alter a file's meaning.
HARMLESS = re.compile(
    r"(two|a) byte order marks?|lines end in CR( LF)?|packed|quoted throughout|.*: in quotes|no line end at the end"
    r"|blank lines at the end|another separator"
)


def expression() -> pd.DataFrame:
    """Genes × patients."""
    values = np.random.default_rng(1).gamma(2.0, 3.0, (len(GENES), len(PATIENTS))).round(3)
    return pd.DataFrame(values, pd.Index(GENES, name="gene"), PATIENTS)


def clinical() -> pd.DataFrame:
    """One row per patient."""
    chance = np.random.default_rng(2)
    return pd.DataFrame(
        {
            "patient_id": PATIENTS,
            "age": chance.integers(30, 80, len(PATIENTS)).astype(str),
            "er_status": np.where(chance.random(len(PATIENTS)) < 0.5, "positive", "negative"),
            "os_months": chance.uniform(1, 120, len(PATIENTS)).round(1).astype(str),
            "os_event": chance.integers(0, 2, len(PATIENTS)).astype(str),
        }
    )


def delimited(frame: pd.DataFrame, separator: str, *, index: bool) -> bytes:
    return frame.to_csv(sep=separator, index=index, lineterminator="\n").encode()


def parquet(frame: pd.DataFrame) -> bytes:
    content = io.BytesIO()
    frame.to_parquet(content)
    return content.getvalue()


WHOLE = {
    "expression.csv": delimited(expression(), ",", index=True),
    "expression.tsv": delimited(expression().T.rename_axis("patient"), "\t", index=True),
    "expression.parquet": parquet(expression()),
    "clinical.csv": delimited(clinical(), ",", index=False),
    "clinical.tsv": delimited(clinical(), "\t", index=False),
    "clinical.parquet": parquet(clinical()),
}


def changed(name: str, seed: int) -> Mutated:
    chance = random.Random(seed)
    return mutations.mutate_bytes(WHOLE[name], chance) if "parquet" in name else mutations.mutate(WHOLE[name], seed)


def reading(folder, name: str, content: bytes):
    """A cohort of two tables, one of them changed: expression, clinical records and how they match."""
    kind = name.split(".")[0]
    tables = {"expression": "expression.csv", "clinical": "clinical.csv"} | {kind: name}
    for table in tables.values():
        (folder / table).write_bytes(content if table == name else WHOLE[table])

    def read():
        archive = Archive(folder / "raw")
        manifest = fetch_listing(
            None, archive, user_table.listing(archive, "mine", tables["expression"], tables["clinical"], folder=folder)
        )
        values, features = user_table.read_expression(archive, manifest)
        return values, features, user_table.read_clinical(archive, manifest), user_table.match(archive, manifest)

    return read


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("seed", seeds(quick=10, full=400))
def test_a_changed_table_is_refused_with_a_message_or_nothing_is_lost(tmp_path, name, seed):
    mutated = changed(name, seed)
    done = f"{name}: {mutated.done}"
    found = mutations.read(reading(tmp_path, name, mutated.content), names=["expression.", "clinical."], done=done)
    if HARMLESS.fullmatch(mutated.done) and "parquet" not in name:
        assert not isinstance(found, HnbcError), f"{done}: {found}"
        assert found[0].equals(expression().rename_axis("feature_id")), done
        assert found[2].equals(clinical().set_index("patient_id")), done
    if isinstance(found, HnbcError):
        return
    values, features, records, match = found
    # Patients: everyone in the unchanged file is read, or reported as having no counterpart.
    reported = {*values.columns, *match.without_record, *match.without_values}
    assert set(PATIENTS) <= reported, f"{done}: patients lost without a message"
    assert values.columns.is_unique
    assert records.index.is_unique
    assert np.isfinite(values.to_numpy()).any(axis=0).all()
    # Values: a number in the result is the number in the file, at its gene and patient.
    text = mutated.content.decode("utf-8", errors="replace") if "parquet" not in name else ""
    whole = expression()
    for sample in values.columns.intersection(PATIENTS):
        for row, gene in enumerate(features["symbol"]):
            read_, was = values[sample].iloc[row], whole[sample].get(gene)
            same = was is not None and (read_ == was or (np.isnan(read_) and name.startswith("expression")))
            assert same or name.startswith("expression"), f"{done}: {gene} of {sample} is {read_}, was {was}"
            if not same and was is not None and text:
                assert _written(read_, text), f"{done}: {gene} of {sample} is {read_}, which is nowhere in the file"


def _written(value: float, text: str) -> bool:
    """Whether a number is in a text, in any notation."""
    cells = text.replace("\t", ",").replace(";", ",").replace('"', "").replace("\r", "\n").replace("\n", ",").split(",")
    for cell in cells:
        try:
            if float(cell) == value:
                return True
        except ValueError:
            continue
    return False
