"""Addresses: where each upstream's files and answers are requested, in the order to try; all of them in one place.

In scope: the addresses by name, the parts that each takes, and a study's own addresses that replace them. Out of scope:
the requests (sources/), addresses that a study gives for its own gene sets.

Hosts move (three did within a year), so a study may give other addresses under `addresses`, without a new version of
this package.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass, field

_SANGER = "https://cog.sanger.ac.uk"
_SANGER_FILES = "https://ftp.sanger.ac.uk/pub/project/cancerrxgene/releases"
_DATAHUB = "https://raw.githubusercontent.com/cBioPortal/datahub/master"

KNOWN: Mapping[str, tuple[str, ...]] = {
    "gdc.api": ("https://api.gdc.cancer.gov",),
    "geo.record": ("https://www.ncbi.nlm.nih.gov/geo/query/acc.cgi",),
    "geo.matrix": ("https://ftp.ncbi.nlm.nih.gov/geo/series/{stub}/{series}/matrix/{file}",),
    "geo.annotation": ("https://ftp.ncbi.nlm.nih.gov/geo/platforms/{stub}/{platform}/annot/{file}",),
    "cbioportal.tar": ("https://datahub.assets.cbioportal.org/{study}.tar.gz",),
    "cbioportal.pointer": (f"{_DATAHUB}/public/{{study}}/{{file}}",),
    "cbioportal.lfsconfig": (f"{_DATAHUB}/.lfsconfig",),
    "cbioportal.media": ("https://media.githubusercontent.com/media/cBioPortal/datahub/master/public/{study}/{file}",),
    "cbioportal.api": ("https://www.cbioportal.org/api/studies/{study}",),
    # The official copy of a workbook, under both of its names, then the copy in the retired bucket's own layout.
    "gdsc.response": (
        "https://cmp.cog.sanger.ac.uk/download/{file}",
        f"{_SANGER}/cmp/download/{{file}}",
        f"{_SANGER}/cancerrxgene/GDSC_release{{release}}/{{file}}",
    ),
    "gdsc.models": (f"{_SANGER}/cmp/download/model_list_20260921.csv",),
    "gdsc.genes": (f"{_SANGER}/cmp/download/gene_identifiers_20241212.csv",),
    "gdsc.expression_rma": (
        f"{_SANGER_FILES}/release-7.0/sanger1018_brainarray_ensemblgene_rma.txt.gz",
        f"{_SANGER_FILES}/release-6.0/sanger1018_brainarray_ensemblgene_rma.txt.gz",
    ),
    "gdsc.expression_rnaseq": (f"{_SANGER}/cmp/download/rnaseq_merged_20260323.zip",),
}


@dataclass(frozen=True)
class Addresses:
    """The addresses in use: for each name the study's own if it has any, otherwise those known here."""

    own: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, name: str, **parts: str) -> tuple[str, ...]:
        """The addresses of a name, in the order to try; `parts` fill the braces.

        Raises
        ------
        KeyError
            The name is not known, or an address needs a part that is not given.
        """
        return tuple(address.format(**parts) for address in self.own.get(name, KNOWN[name]))


def parts_of(address: str) -> frozenset[str]:
    """The names in an address's braces: {study, file}.

    Raises
    ------
    ValueError
        A brace is not closed, or is empty.
    """
    try:
        found = [name for _, name, _, _ in string.Formatter().parse(address) if name is not None]
    except ValueError as error:
        raise ValueError(f"{address}: {error}") from error
    if not all(name.isidentifier() for name in found):
        raise ValueError(f"{address}: braces must hold the name of a part, such as {{file}}")
    return frozenset(found)


def wrong_with(name: str, addresses: tuple[str, ...]) -> str | None:
    """A message about what is wrong with a study's own addresses of a known name; None if nothing is."""
    if not addresses:
        return "give at least one address"
    may_have = frozenset().union(*map(parts_of, KNOWN[name]))
    for address in addresses:
        if not address.startswith("https://"):
            return f"{address}: only https addresses are fetched"
        try:
            strange = sorted(parts_of(address) - may_have)
        except ValueError as error:
            return str(error)
        if strange:
            known = ", ".join(f"{{{part}}}" for part in sorted(may_have)) or "no part in braces"
            return f"{address}: {{{strange[0]}}} is not known; {name} may have {known}"
    return None
