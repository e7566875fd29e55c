"""Symbols: upstream gene symbols in HGNC's current spelling, damaged ones repaired where only one gene is possible.

In scope: renaming of symbols, the same for expression and gene lists. Out of scope: probes, collapsing (expression).

The renamings are in symbol_aliases.tsv, from HGNC's `previous symbols` (genenames.org, CC0): not all of them, but
those that occur in breast-cancer expression data and gene lists of the last fifteen years. Spreadsheets turn MARCH3
into 3-Mar and SEPT7 into 7-Sep; 1-Mar and 2-Mar could be MARCHF1 or MTARC1, and MARCHF2 or MTARC2: these are dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pandas as pd

ALIASES = Path(__file__).with_name("symbol_aliases.tsv")
DATES = (re.compile(r"(\d{1,2})-(Mar|Sep|Dec)", re.I), re.compile(r"(Mar|Sep|Dec)-(\d{1,2})", re.I))
OTHER_DATE = re.compile(
    r"\d{1,2}-[A-Z][a-z]{2}|[A-Z][a-z]{2}-\d{2}|\d{4}-\d{2}-\d{2}.*|\d{1,2}/\d{1,2}/\d{2,4}|[\d.]+(E\+?\d+)?"
)
NO_SYMBOL = {"", "NA", "NA_NA", "NaN", "nan", "---", "null", "None", "?"}
FAMILIES = {"Mar": ("MARCHF", range(3, 12)), "Sep": ("SEPTIN", (*range(1, 13), 14)), "Dec": ("DELEC", range(1, 2))}


@cache
def aliases() -> dict[str, str]:
    """Outdated symbol -> current symbol."""
    table = pd.read_csv(ALIASES, sep="\t", comment="#", dtype=str, keep_default_na=False)
    return dict(zip(table["outdated"], table["current"], strict=True))


def current(symbols: Iterable[object]) -> pd.DataFrame:
    """Each symbol in HGNC's current spelling.

    Returns
    -------
    One row per symbol, in order: upstream (as given), gene (current symbol, missing when it cannot be used), reason
    (as_given, outdated, damaged_repaired, miscased; or why it cannot be used: no_symbol, several_symbols,
    damaged_ambiguous).
    """
    given = list(symbols)
    known = {symbol: _current(symbol) for symbol in dict.fromkeys(s if isinstance(s, str) else None for s in given)}
    pairs = [known[symbol if isinstance(symbol, str) else None] for symbol in given]
    frame = pd.DataFrame(pairs, columns=["gene", "reason"], dtype=object)
    frame.insert(0, "upstream", pd.Series(given, dtype=object))
    return frame


def current_list(symbols: Iterable[str]) -> list[str]:
    """The usable symbols of a gene list in current spelling, each once, in order."""
    return list(dict.fromkeys(current(symbols)["gene"].dropna()))


def _current(symbol: str | None) -> tuple[str | None, str]:
    """The current symbol, and how it was found."""
    given = (symbol or "").strip()
    if given in NO_SYMBOL:
        return None, "no_symbol"
    if "///" in given:
        parts = {_current(part)[0] for part in given.split("///")} - {None}
        return (parts.pop(), "as_given") if len(parts) == 1 else (None, "several_symbols")
    if given in aliases():
        return aliases()[given], "outdated"
    damaged = _from_date(given)
    if damaged is not None or OTHER_DATE.fullmatch(given):
        return (damaged, "damaged_repaired") if damaged else (None, "damaged_ambiguous")
    cased = re.sub(r"^C(\d+|X|Y)ORF(\d+)(.*)$", r"C\1orf\2\3", given)
    if cased != given:
        return aliases().get(cased, cased), "miscased"
    return given, "as_given"


def _from_date(symbol: str) -> str | None:
    """The only gene from which a spreadsheet can have made this date."""
    first, second = DATES[0].fullmatch(symbol), DATES[1].fullmatch(symbol)
    if not first and not second:
        return None
    number, month = (first[1], first[2]) if first else (second[2], second[1])  # type: ignore[index]
    family, members = FAMILIES[month.title()]
    return f"{family}{int(number)}" if int(number) in members else None
