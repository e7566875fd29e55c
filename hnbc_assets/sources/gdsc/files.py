"""GDSC (Sanger): drug response and expression of cancer cell lines. For non-commercial use; this must be stated with
the results.

In scope: which files a release consists of, fetching them, and both tables joined by cell line. Out of scope: reading
their formats (response, expression, models), models (science/drugs).

Lines are identified by the Sanger model id (SIDM…); the passports' model list maps COSMIC ids to it. A line whose
model there, the line keeps the COSMIC id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import pandas as pd

from hnbc_assets.errors import FormatError, StudyError
from hnbc_assets.sources.archive import archived
from hnbc_assets.sources.gdsc.expression import RMA, RNASEQ, LineExpression, read_expression
from hnbc_assets.sources.gdsc.models import read_models, read_symbols
from hnbc_assets.sources.gdsc.response import keyed, read_responses
from hnbc_assets.sources.listing import InHand, Listing, reach
from hnbc_assets.user_files import read_bytes

if TYPE_CHECKING:
    from hnbc_assets.sources.archive.store import Archive, Wanted
    from hnbc_assets.sources.web.http import Client

FILE = "file:"
OWN_EXPRESSION, OWN_BYTES = "cell lines' expression, drugs.expression", 2 << 30  # RNA-seq as published: 1.3 GB
RESPONSE_FILES = {"8.5": "GDSC2_fitted_dose_response_27Oct23.xlsx"}
MODELS, GENES = "model_list", "gene_identifiers"
EXPRESSION_FILES = {RMA: "expression_rma", RNASEQ: "expression_rnaseq"}
# The file id of the zipped table in lakes filled while it was still served.
KEPT_BEFORE = r"Cell_line_RMA_.*\.zip"
# Of release 8.5, from others' records: bytes and, for the official workbook and the model list, sha256.
KNOWN_BYTES: dict[str, tuple[tuple[int, str | None], ...]] = {
    RESPONSE_FILES["8.5"]: (
        (22_112_537, "0e99120a14a003dcbd3c27c020f1cfd35e38ee091067a2406f66c0d4dbc1c899"),
        (21_330_376, None),
    ),
    MODELS: ((957_555, "419f65d1d6534454194f1a744550fab632cd1d7411f6b13411a885735aa37006"),),
    GENES: ((3_873_087, None),),
    EXPRESSION_FILES[RNASEQ]: ((1_291_769_946, None),),
}
# The version of what is fetched and recorded in the manifest. Increase the number when either changes: only then, or
# when a file is renamed, is everything fetched again.
CONTRACT = (1, RESPONSE_FILES, EXPRESSION_FILES)
Content = Literal["gzip", "text", "json", "xlsx", "zip"]
CONTENTS: dict[str, Content] = {".gz": "gzip", ".zip": "zip", ".xlsx": "xlsx"}


@dataclass(frozen=True)
class ScreenedLines:
    """The screen and the lines' expression, both by line id.

    Attributes
    ----------
    dose_response : one row per line and drug: line_id and the columns of `response.read_responses`
    expression : genes × line ids, log2; of the lines that were screened
    lines : one row per line that was screened or has expression: line_id, cell_line_name, cancer_type, cosmic_ids (of
        the model, separated by commas), n_drugs (screened for it), has_expression, used, reason (why not used)
    kind : "rma" or "rnaseq_tpm": how `expression` was measured
    """

    dose_response: pd.DataFrame
    expression: pd.DataFrame
    lines: pd.DataFrame
    kind: str


def release(client: Client, release: str = "8.5", expression: str = RMA, *, folder: Path | None = None) -> str:
    """The release that the study names, after a check that each of its files is available.

    For a user's own file the content determines the release, which is added after a `+`.

    Raises
    ------
    StudyError
        If the file names of this release are not known here, or a local file cannot be read.
    UpstreamRefused, UpstreamUnreachable
        If none of the addresses of a file has it; names them.
    """
    listed = listing(client, None, release, expression, folder=folder)
    for _, one in listed.wanted:
        reach(client, one)
    return listed.release


def listing(
    client: Client, archive: Archive | None, release: str = "8.5", expression: str = RMA, *, folder: Path | None = None
) -> Listing:
    """The files of a release: fitted dose response, model list, gene identifiers and the lines' expression.

    Their names are known, so nothing is queried.

    Parameters
    ----------
    expression : "rma" (arrays, by Ensembl gene), "rnaseq_tpm", or the study's own: an https address, or `file:PATH`
    folder : base of a relative path; by default the working directory

    Raises
    ------
    StudyError
        If the file names of this release are not known here, or a local file cannot be read.
    """
    if release not in RESPONSE_FILES:
        raise StudyError(f"GDSC release {release!r} is not known; known are {', '.join(RESPONSE_FILES)}.")
    workbook = RESPONSE_FILES[release]
    known = client.addresses
    wanted = [
        _wanted(workbook, known.of("gdsc.response", release=release, file=workbook)),
        _wanted(MODELS, known.of("gdsc.models")),
    ]
    if expression != RNASEQ:  # RNA-seq comes with symbols
        wanted.append(_wanted(GENES, known.of("gdsc.genes")))
    replies: list[InHand] = []
    if expression.startswith(FILE):
        replies.append(_of_the_user(expression, folder))
    elif expression in EXPRESSION_FILES:
        wanted.append(_wanted(EXPRESSION_FILES[expression], known.of(f"gdsc.expression_{_word(expression)}")))
    else:
        wanted.append(_wanted(expression, (expression,)))
    order = tuple(one.file_id for one in (*wanted, *replies))
    word = "+".join([release, *(one.release for one in replies)])
    return Listing("gdsc", word, tuple((release, one) for one in wanted), tuple(replies), order=order)


def release_of(manifest: pd.DataFrame) -> str:
    """The release of archived files, as `release` gave it for them (a user's own file determines its end)."""
    own = manifest.loc[manifest["url"].str.startswith(FILE), "release"]
    return "+".join([str(manifest["release"].iloc[0]), *own])


def read(archive: Archive, manifest: pd.DataFrame, expression: str = RMA) -> ScreenedLines:
    """The screen joined to the lines' expression (see `ScreenedLines`); `expression` as in `listing`.

    Raises
    ------
    FormatError
        A file is missing, does not have its format or contains another kind of expression than the study names;
        or no line that was screened has expression.
    """
    responses = read_responses(_locate(archive, manifest, r"GDSC.*dose_response.*\.xlsx", "dose response workbook"))
    models = archived.find(archive, manifest, MODELS)
    of_list = read_models(models) if models else {}
    own = responses.dropna(subset=["model_id", "cosmic_id"])
    model_of = of_list | dict(zip(own["cosmic_id"], own["model_id"], strict=True))
    dose_response = keyed(responses, model_of)
    measured = _read_expression(archive, manifest, expression, model_of, set(dose_response["line_id"]))
    lines = _lines(dose_response, measured, model_of)
    used = lines.loc[lines["used"], "line_id"]
    if used.empty:
        raise FormatError(
            f"No line of GDSC's workbook has expression: lines there are known as {_some(dose_response['line_id'])}, "
            f"in the expression as {_some(measured.ids)}. The model list ({models.name if models else 'not fetched'}) "
            "maps COSMIC ids to model ids: do its files belong together?"
        )
    return ScreenedLines(dose_response, measured.values[used.to_list()], lines, measured.kind)


def _word(expression: str) -> str:
    return {RMA: "rma", RNASEQ: "rnaseq"}[expression]


def _wanted(file_id: str, urls: tuple[str, ...]) -> Wanted:
    from hnbc_assets.sources.archive.store import Wanted

    path = PurePosixPath(urlsplit(urls[0]).path).name
    return Wanted(file_id, urls[0], path, content=CONTENTS.get(PurePosixPath(path).suffix, "text"), others=urls[1:])


def _of_the_user(location: str, folder: Path | None) -> InHand:
    path = Path(location.removeprefix(FILE))
    content = read_bytes(path, OWN_EXPRESSION, folder=folder, at_most=OWN_BYTES)
    return InHand(hashlib.sha256(content).hexdigest()[:12], location, location, path.name, content)


def _locate(archive: Archive, manifest: pd.DataFrame, pattern: str, what: str) -> Path:
    return archived.locate(archive, manifest, pattern, f"GDSC {what}")


def _read_expression(
    archive: Archive, manifest: pd.DataFrame, expression: str, model_of: dict[str, str], screened: set[str]
) -> LineExpression:
    """Expression of the lines that were screened, by line id; never another kind than the study names."""
    import re

    named = EXPRESSION_FILES.get(expression)
    pattern = re.escape(expression) if named is None else f"{named}|{KEPT_BEFORE}" if expression == RMA else named
    path = _locate(archive, manifest, pattern, f"expression ({expression})")
    genes = archived.find(archive, manifest, GENES)
    symbols = (lambda: read_symbols(genes)) if genes else None
    measured = read_expression(path, model_of=model_of, wanted=screened, symbols=symbols)
    if expression in EXPRESSION_FILES and measured.kind != expression:
        raise FormatError(
            f"{path.name} contains {measured.kind}, while the study has drugs.expression: {expression}. One does not "
            "replace the other: change the setting, or the address of the file."
        )
    return measured


def _lines(dose_response: pd.DataFrame, measured: LineExpression, model_of: dict[str, str]) -> pd.DataFrame:
    """`ScreenedLines.lines`."""
    screened = dose_response.groupby("line_id", sort=False).agg(
        cell_line_name=("cell_line_name", "first"), cancer_type=("cancer_type", "first"), n_drugs=("drug_id", "nunique")
    )
    has_expression = set(measured.ids)
    table = screened.reindex(sorted({*screened.index, *has_expression}))
    table["n_drugs"] = table["n_drugs"].fillna(0).astype(int)
    cosmic: dict[str, list[str]] = {}
    for one, model in model_of.items():
        cosmic.setdefault(model, []).append(one)
    table["cosmic_ids"] = [_cosmic_ids(line, cosmic) for line in table.index]
    table["has_expression"] = table.index.isin(has_expression)
    table["used"] = table["has_expression"] & (table["n_drugs"] > 0)
    table["reason"] = list(_reasons(table, set(model_of.values())))
    return table.rename_axis("line_id").reset_index()


def _cosmic_ids(line: str, cosmic: dict[str, list[str]]) -> str | None:
    return ", ".join(sorted(cosmic.get(line, []), key=int)) or (line if line.isdigit() else None)


def _reasons(table: pd.DataFrame, models: set[str]) -> Iterator[str | None]:
    """Why each line is not used; null if it is."""
    for line, row in table.iterrows():
        unknown = "; its COSMIC id is not in the model list" if str(line).isdigit() else ""
        without = "" if str(line).isdigit() or line in models else "; the model list has no COSMIC id of it"
        if row["used"]:
            yield None
        elif row["has_expression"]:
            yield f"not screened{unknown}"
        else:
            yield f"no expression{unknown or without}"


def _some(ids: object) -> str:
    return ", ".join(sorted(map(str, set(ids)))[:3]) or "nothing"  # type: ignore[call-overload]
