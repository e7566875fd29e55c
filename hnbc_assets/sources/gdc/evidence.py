"""Facts recorded in the archived GDC files: warnings in replies, gene models, names of genes.

In scope: reading them from the archive, for checks and for users' tables. Out of scope: querying GDC (api),
reading values (star).
"""

from __future__ import annotations

import json
from collections import Counter

import pandas as pd

from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.gdc.shape import read_reply

LONGEST_LINE = 200


def reply_warnings(archive: Archive, manifest: pd.DataFrame) -> dict[str, str]:
    """Archived API replies that contain warnings: file id to the warning."""
    found = {}
    for row in manifest[manifest.path.str.endswith(".json")].to_dict("records"):
        reply = read_reply(archive.locate(row))
        if isinstance(reply, dict) and reply.get("warnings"):
            found[str(row["file_id"])] = json.dumps(reply["warnings"])
    return found


def gene_names(archive: Archive, manifest: pd.DataFrame) -> pd.DataFrame | None:
    """Ensembl id and symbol of every gene, from the first STAR file: feature_id, symbol; None without files."""
    from hnbc_assets.sources.gdc.star import read_star

    files = manifest[manifest.path.str.contains("/star/")]
    if files.empty:
        return None
    first = files.iloc[0]
    features, _ = read_star([archive.locate(first)], "tpm_unstranded")
    return features[["feature_id", "symbol"]]


def n_features(archive: Archive, manifest: pd.DataFrame) -> int | None:
    """How many genes the first STAR file lists (when a cohort is read, all files are compared with it); None
    without files.
    """
    files = manifest[manifest.path.str.contains("/star/")]
    if files.empty:
        return None
    with open(archive.locate(files.iloc[0]), "rb") as file:
        rows = (line for line in file if not line.startswith((b"#", b"N_", b"gene_id\t")))
        return sum(1 for line in rows if line.strip())


def gene_models(archive: Archive, manifest: pd.DataFrame) -> dict[str, int]:
    """The gene model that the first line of each STAR file names (`GENCODE v36`), and the number of files with it."""
    counted: Counter[str] = Counter()
    for row in manifest[manifest.path.str.contains("/star/")].to_dict("records"):
        with open(archive.locate(row), encoding="utf-8", errors="replace") as file:
            first = file.readline(LONGEST_LINE).strip()
        counted[first.removeprefix("#").removeprefix(" gene-model:").strip() or "not named"] += 1
    return dict(counted)
