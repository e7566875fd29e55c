"""GDSC (Sanger): drug response and expression of cancer cell lines. For non-commercial use; say so with the results.

Belongs here: the release's files and reading their two formats. Does not: models (science/drugs).
"""

from __future__ import annotations

import gc
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hnbc_assets.errors import FormatError, StudyError
from hnbc_assets.sources import archived
from hnbc_assets.sources.listing import Listing, fetch_listing

if TYPE_CHECKING:
    from hnbc_assets.sources.archive import Archive
    from hnbc_assets.sources.http import Client
    from hnbc_assets.sources.progress import Progress

RESPONSE_FILES = {"8.5": "GDSC2_fitted_dose_response_27Oct23.xlsx"}
RESPONSE_HOST = "https://cog.sanger.ac.uk/cancerrxgene"
EXPRESSION_URL = (
    "https://www.cancerrxgene.org/gdsc1000/GDSC1000_WebResources/Data/preprocessed/Cell_line_RMA_proc_basalExp.txt.zip"
)
COLUMNS = {
    "COSMIC_ID": "cosmic_id",
    "CELL_LINE_NAME": "cell_line_name",
    "TCGA_DESC": "tcga_desc",
    "DRUG_ID": "drug_id",
    "DRUG_NAME": "drug_name",
    "PUTATIVE_TARGET": "putative_target",
    "PATHWAY_NAME": "pathway_name",
    "LN_IC50": "ln_ic50",
    "AUC": "auc",
}
REQUIRED = ("COSMIC_ID", "CELL_LINE_NAME", "DRUG_ID", "DRUG_NAME", "LN_IC50")


def release(client: Client, release: str = "8.5") -> str:
    """The release that the study names, once the host has been seen to have its workbook.

    Raises
    ------
    StudyError
        If the release is not one whose file names are known here.
    UpstreamRefused
        If the host does not have it.
    """
    client.size(response_url(release))
    return release


def response_url(release: str) -> str:
    """The address of a release's workbook of fitted dose responses."""
    if release not in RESPONSE_FILES:
        raise StudyError(f"GDSC release {release!r} is not known; known are {', '.join(RESPONSE_FILES)}.")
    return f"{RESPONSE_HOST}/GDSC_release{release}/{RESPONSE_FILES[release]}"


def listing(client: Client, archive: Archive, release: str = "8.5") -> Listing:
    """GDSC2's fitted dose response and the cell lines' expression: their names are known, so nothing is asked.

    Raises
    ------
    StudyError
        If the release is not one whose file names are known here.
    """
    from hnbc_assets.sources.archive import Wanted

    url = response_url(release)
    response, expression = RESPONSE_FILES[release], EXPRESSION_URL.rsplit("/", 1)[1]
    wanted = (
        Wanted(file_id=response, url=url, path=response, content="xlsx"),
        Wanted(file_id=expression, url=EXPRESSION_URL, path=expression, content="zip"),
    )
    return Listing("gdsc", release, tuple((release, one) for one in wanted))


def fetch(client: Client, archive: Archive, release: str = "8.5", *, progress: Progress | None = None) -> pd.DataFrame:
    """Archive GDSC2's fitted dose response and the cell lines' expression; returns their manifest rows.

    Raises
    ------
    StudyError
        If the release is not one whose file names are known here.
    """
    return fetch_listing(client, archive, listing(client, archive, release), progress=progress)


def read_dose_response(archive: Archive, manifest: pd.DataFrame) -> pd.DataFrame:
    """A row a cell line and drug: cosmic_id, cell_line_name, tcga_desc, drug_id, drug_name, putative_target,
    pathway_name, ln_ic50 (ln µM), auc.

    A drug name can have several ids (other batches or concentrations); they stay apart. When a line was fitted twice
    for one drug id, the fit with the smallest RMSE is kept, the first of equals; without an RMSE the mean.

    Returns
    -------
    cosmic_id and drug_id as text; missing values null; sorted by drug_id (as a number), then cosmic_id.

    Raises
    ------
    FormatError
        If the workbook has not the columns that GDSC documents, or a value that should be a number is none.
    """
    from python_calamine import CalamineWorkbook

    path = archived.locate(archive, manifest, r"GDSC.*dose_response.*\.xlsx", "GDSC dose response workbook")
    try:
        sheet = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0)
    except Exception as error:
        raise FormatError(
            f"{path.name} cannot be read as a workbook ({error}). Delete it and fetch it again."
        ) from error
    rows = sheet.iter_rows()
    header = [str(cell).strip() for cell in next(rows, [])]
    lost = [column for column in REQUIRED if column not in header]
    if lost or sheet.height < 2:
        raise FormatError(f"{path.name} has no {lost[0] if lost else 'row'}; its first row is {header[:8]}.")
    given = [column for column in (*COLUMNS, "RMSE") if column in header]
    with _collector_paused():
        cells = dict(zip(given, zip(*map(itemgetter(*map(header.index, given)), rows), strict=True), strict=True))
    del sheet, rows
    table = pd.DataFrame(index=range(len(cells["DRUG_ID"])))
    for upstream, name in (COLUMNS | {"RMSE": "rmse"}).items():
        column = cells.pop(upstream, (None,) * len(table))
        if name in ("ln_ic50", "auc", "rmse"):
            table[name] = _numbers(column, upstream, path.name)
        else:
            table[name] = _by_value(column, _identifier if name in ("cosmic_id", "drug_id") else _text)
    table = table.dropna(subset=["cosmic_id", "drug_id", "ln_ic50"])
    return _one_fit(table).drop(columns="rmse")


def read_expression(archive: Archive, manifest: pd.DataFrame) -> pd.DataFrame:
    """Expression, gene × cosmic_id (text), log2 intensity (RMA); index gene.

    Rows without a symbol are dropped; rows of the same symbol are averaged; a line given twice (`DATA.ID.1`) keeps its
    first column.
    """
    import polars as pl

    path = archived.locate(archive, manifest, r".*basalExp\.txt\.zip", "GDSC expression archive")
    try:
        with zipfile.ZipFile(path) as packed:
            members = [name for name in packed.namelist() if name.endswith(".txt")]
            content = packed.read(members[0]) if members else b""
    except zipfile.BadZipFile as error:
        raise FormatError(f"{path.name} is not a zip archive. Delete it and fetch it again.") from error
    begin = content.find(b"\n") + 1
    header = content[:begin].decode().rstrip("\r\n").split("\t")
    lines = {i: match[1] for i, name in enumerate(header) if (match := re.fullmatch(r"DATA\.(\d+)", name))}
    if header[:1] != ["GENE_SYMBOLS"] or not lines:
        raise FormatError(f"{path.name}: its header is {header[:3]}, not GENE_SYMBOLS, GENE_title, DATA.<COSMIC id>.")
    names = [f"{i}:{name}" for i, name in enumerate(header)]
    schema = {name: pl.Float64 if i in lines else pl.String for i, name in enumerate(names)}
    table = pl.read_csv(
        content[begin:],
        has_header=False,
        separator="\t",
        schema=schema,
        null_values=["", "NA", "NaN"],
        quote_char=None,
    )
    kept = list({cosmic: i for i, cosmic in reversed(lines.items())}.items())
    values = np.asarray(table.select([names[i] for _, i in kept]).to_numpy(), dtype=float)
    symbols = pd.Index(table[names[0]].to_list(), name="gene", dtype=object)
    frame = pd.DataFrame(values, index=symbols, columns=pd.Index([cosmic for cosmic, _ in kept], name="cosmic_id"))
    frame = frame[frame.index.notna()]
    frame = frame.sort_index(axis=1, key=lambda labels: labels.astype(int))
    return frame.groupby(level=0, sort=False).mean() if frame.index.has_duplicates else frame


def _one_fit(table: pd.DataFrame) -> pd.DataFrame:
    """One row a (cosmic_id, drug_id), by the rule of `read_dose_response`."""
    keys = ["cosmic_id", "drug_id"]
    twice = table.duplicated(keys, keep=False)
    if twice.any():
        again = table[twice]
        means = again.groupby(keys)[["ln_ic50", "auc"]].transform("mean")
        unjudged = again.groupby(keys)["rmse"].transform(lambda rmse: rmse.isna().any())
        again = again.assign(ln_ic50=again["ln_ic50"].where(~unjudged, means["ln_ic50"]))
        again = again.assign(auc=again["auc"].where(~unjudged, means["auc"]))
        again = again.sort_values("rmse", kind="stable").drop_duplicates(keys)
        table = pd.concat([table[~twice], again])
    order = np.lexsort((pd.to_numeric(table["cosmic_id"]), pd.to_numeric(table["drug_id"])))
    return table.iloc[order].reset_index(drop=True)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Without the cyclic garbage collector, which takes most of the time while millions of cells come into being."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _by_value(cells: Sequence[object], read: Callable[[object], str | None]) -> np.ndarray:
    """A function of a cell for a whole column, called once a value: such columns have few."""
    codes, values = pd.factorize(np.array(cells, dtype=object), use_na_sentinel=False)
    return np.array([read(value) for value in values], dtype=object)[codes]


def _identifier(cell: object) -> str | None:
    """906826.0 and '906826' are the same id."""
    if isinstance(cell, float):
        return str(int(cell)) if cell == cell else None
    return _text(cell)


def _text(cell: object) -> str | None:
    text = "" if cell is None or cell != cell else str(cell).strip()
    return text or None


def _numbers(cells: Sequence[object], column: str, file: str) -> np.ndarray:
    """A column of a workbook as float64; empty cells are missing.

    Raises
    ------
    FormatError
        If a cell is neither a number nor empty.
    """
    try:
        return np.array(cells, dtype=float)
    except ValueError:
        pass
    series = pd.Series(cells, dtype=object)
    numbers = pd.to_numeric(series.where(series != "", None), errors="coerce")
    strange = series[numbers.isna() & series.notna() & (series != "") & (series != "NA")]
    if len(strange):
        raise FormatError(f"{file}: {column} has {strange.iloc[0]!r} in row {strange.index[0] + 2}, not a number.")
    return numbers.to_numpy(float)
