"""The simulated GEO: two series on one platform, the super-series of both, the annotation, and the accession probe.

In scope: series matrix, platform annotation, probe replies. Out of scope: drawing the patients (world).
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd

from hnbc_assets.sources.simulated.delimited import gzipped, matrix
from hnbc_assets.sources.simulated.drawing import normal32
from hnbc_assets.sources.simulated.roster import OUTDATED
from hnbc_assets.sources.simulated.world import Cohort, World

SUPER_SERIES, PLATFORM = "GSE25066", "GPL96"
PARTS = {"GSE25055": "discovery", "GSE25065": "validation"}
UPDATED = {"GSE25055": "Nov 02 2022", "GSE25065": "Nov 02 2022", SUPER_SERIES: "Mar 25 2019"}
TITLE = "SIMULATED: response and survival after neoadjuvant taxane and anthracycline chemotherapy"
ANNOTATION_COLUMNS = (
    "ID", "Gene title", "Gene symbol", "Gene ID", "UniGene title", "UniGene symbol", "UniGene ID", "Nucleotide Title",
    "GI",
    "GenBank Accession", "Platform_CLONEID", "Platform_ORF", "Platform_SPOTID", "Chromosome location",
    "Chromosome annotation", "GO:Function", "GO:Process", "GO:Component",
)  # fmt: skip
N_CONTROLS, UNMEASURED_SHARE, MISSING_SHARE = 12, 0.10, 0.0005


class GeoFiles:
    """Bodies of the series, their platform and the probe."""

    def __init__(self, world: World) -> None:
        self.world = world

    @cached_property
    def probes(self) -> pd.DataFrame:
        """One row per probe: probe, row (of the roster; −1 for none), symbol as annotated, slope, lift.

        One gene in ten is not on the platform (never one of a module); one in five has a second, less sensitive probe.
        Some probes have no gene, some two, some an outdated symbol.
        """
        genes = self.world.roster.genes
        rng = self.world.simulation.rng("geo", "probes")
        background = ((genes["module"] == "background") & genes.index.str.startswith("SIM")).to_numpy()
        measured = np.flatnonzero(
            ~(background & (rng.random(len(genes)) < UNMEASURED_SHARE / max(background.mean(), 0.1)))
        )
        second = rng.choice(measured, int(0.2 * len(measured)), replace=False)
        rows = np.concatenate([measured, second])
        table = pd.DataFrame({"row": rows, "slope": np.where(np.arange(len(rows)) < len(measured), 1.0, 0.6)})
        table["lift"] = rng.normal(0, 0.4, len(rows))
        table["symbol"] = [OUTDATED.get(symbol, symbol) for symbol in genes.index[rows]]
        drawn = np.where(background[rows], rng.random(len(rows)), 1.0)
        others = genes.index[rng.choice(np.flatnonzero(background), len(rows))]
        table.loc[drawn < 0.03, "symbol"] = ""
        joined = (drawn >= 0.03) & (drawn < 0.06)
        table.loc[joined, "symbol"] = table.loc[joined, "symbol"] + " /// " + others[joined]
        controls = pd.DataFrame({"row": [-1] * N_CONTROLS, "slope": 1.0, "lift": 9.0, "symbol": ""})
        table = pd.concat([table, controls], ignore_index=True)
        suffix = np.where(rng.random(len(table)) < 0.25, "_s_at", "_at")
        names = [f"{290000 + i}{end}" for i, end in enumerate(suffix)]
        names[-N_CONTROLS:] = [f"AFFX-SIM-{i:02d}_at" for i in range(N_CONTROLS)]
        table["probe"] = names
        return table.sort_values("probe", ignore_index=True)

    def series_matrix(self, series: str) -> bytes:
        """The matrix of a series. As at GEO, no sample of the super-series states which of the two it belongs to."""
        parts = list(PARTS) if series == SUPER_SERIES else [series]
        cohorts = {part: getattr(self.world, name) for part, name in PARTS.items()}
        owners = np.repeat(list(PARTS), [len(cohort.patients) for cohort in cohorts.values()])
        chosen = np.flatnonzero(np.isin(owners, parts))
        described = pd.concat([self._described(cohorts[part]) for part in parts], ignore_index=True)
        samples = [f"GSM99{i + 1:05d}" for i in chosen]
        lines = [f'!Series_{key}\t"{value}"' for key, value in _header(series)]
        lines += ["", _row("!Sample_title", [f"Simulated tumour {i + 1}" for i in chosen])]
        lines += [
            _row("!Sample_geo_accession", samples),
            _row("!Sample_status", ["Public on Nov 01 2010"] * len(samples)),
        ]
        lines += [
            _row("!Sample_platform_id", [PLATFORM] * len(samples)),
            _row("!Sample_organism_ch1", ["Homo sapiens"] * len(samples)),
        ]
        for key in described.columns:
            lines.append(_row("!Sample_characteristics_ch1", [f"{key}: {value}" for value in described[key]]))
        lines += ["!series_matrix_table_begin", _row('"ID_REF"', samples)]
        values = np.hstack([self._measured(cohorts[part]) for part in parts])
        rng = self.world.simulation.rng("geo", "missing")
        lost = rng.random((len(values), len(owners)), dtype=np.float32) < MISSING_SHARE  # the same in every series
        values[lost[:, chosen]] = np.nan
        body = matrix({"probe": list(self.probes["probe"])}, values, 4).replace(b"\t\t", b"\tnull\t", 50)
        text = "\n".join(lines).encode() + b"\n" + body + b"!series_matrix_table_end\n"
        return gzipped(text)

    def annotation(self) -> bytes:
        genes = self.world.roster.genes
        head = ["^Annotation", "!Annotation_date = Mar 08 2016", f"!Annotation_platform = {PLATFORM}",
                "!Annotation_platform_title = SIMULATED array",
                "!Annotation_platform_organism = Homo sapiens"]  # fmt: skip
        head += [f"#{column} = " for column in ANNOTATION_COLUMNS]
        head += ["!platform_table_begin", "\t".join(ANNOTATION_COLUMNS)]
        blank = "\t" * (len(ANNOTATION_COLUMNS) - 4)
        entrez = [
            genes["entrez_id"].iloc[row] if symbol else "" for row, symbol in self.probes[["row", "symbol"]].to_numpy()
        ]
        symbols = self.probes["symbol"].str.replace(" /// ", "///", regex=False)
        rows = [
            f"{probe}\t\t{symbol}\t{number}{blank}"
            for probe, symbol, number in zip(self.probes["probe"], symbols, entrez, strict=True)
        ]
        return gzipped(("\n".join([*head, *rows, "!platform_table_end"]) + "\n").encode())

    def accession(self, accession: str) -> bytes | None:
        """The brief text record of a series, as in the accession viewer; None for another accession."""
        if accession not in UPDATED:
            return None
        lines = [f"^SERIES = {accession}", *(f"!Series_{key} = {value}" for key, value in _header(accession))]
        return "".join(f"{line}\r\n" for line in lines).encode()

    def _measured(self, cohort: Cohort) -> np.ndarray:
        """(n_probes, n_patients) log2 intensities."""
        rng = self.world.simulation.rng("geo", cohort.name)
        rows = self.probes["row"].to_numpy()
        values = cohort.expression[np.maximum(rows, 0)]
        middle = values.mean(axis=1, keepdims=True)
        slope = self.probes["slope"].to_numpy(np.float32)[:, None]
        values = middle + slope * (values - middle) + self.probes["lift"].to_numpy(np.float32)[:, None]
        values[rows < 0] = 9.0
        return values + np.float32(0.12) * normal32(rng, values.shape)

    def _described(self, cohort: Cohort) -> pd.DataFrame:
        """The characteristics of a cohort's samples, in GEO's terms."""
        rng = self.world.simulation.rng("geo", cohort.name, "clinic")
        table, n = cohort.patients, len(cohort.patients)
        er, pcr = table["er"].to_numpy(), table["complete_response"].to_numpy()
        lost = rng.random((6, n))
        pr = np.where(lost[0] < 0.85, er, False)
        her2 = np.where(
            table["her2"],
            np.where(lost[1] < 0.85, "P", "I"),
            np.where(lost[1] < 0.03, "NA", np.where(lost[1] < 0.04, "I", "N")),
        )
        residual = rng.choice(["RCB-II", "RCB-III"], n)
        basal = np.where(er, np.where(cohort.drawn.factors["proliferation"] > 0.3, "LumB", "LumA"), "Basal")
        years = table["years"].to_numpy().copy()
        years[(lost[2] < 0.008) & ~table["event"].to_numpy()] = 0.0
        unfollowed = lost[3] < 0.008
        return pd.DataFrame({
            "age_years": [f"{age:.1f}" for age in table["age_years"]],
            "er_status_ihc": np.where(lost[4] < 0.015, "I", np.where(er, "P", "N")),
            "pr_status_ihc": np.where(pr, "P", "N"),
            "her2_status": her2,
            "clinical_ajcc_stage": [{1: "I", 2: "IIA", 3: "IIIA", 4: "IV"}[stage] for stage in table["stage"]],
            "pathologic_response_pcr_rd": np.where(lost[5] < 0.035, "NA", np.where(pcr, "pCR", "RD")),
            "pathologic_response_rcb_class": np.where(lost[5] < 0.035, "NA", np.where(pcr, "RCB-0/I", residual)),
            "drfs_1_event_0_censored": np.where(unfollowed, "NA", table["event"].astype(int).astype(str)),
            "drfs_even_time_years": np.where(unfollowed, "NA", [f"{value:.4f}" for value in years]),
            "pam50_class": basal,
        })  # fmt: skip


def _header(series: str) -> list[tuple[str, str]]:
    """The header rows of a series; its relations name its super-series, or the series that it contains."""
    related = [("relation", f"SuperSeries of: {part}") for part in PARTS]
    return [
        ("title", TITLE),
        ("geo_accession", series),
        ("status", "Public on Nov 01 2010"),
        ("submission_date", "Oct 29 2010"),
        ("last_update_date", UPDATED[series]),
        ("platform_id", PLATFORM),
        ("summary", "Simulated data; no patient is described."),
        *(related if series == SUPER_SERIES else [("relation", f"SubSeries of: {SUPER_SERIES}")]),
    ]


def _row(name: str, values: list[str]) -> str:
    return "\t".join([name, *(f'"{value}"' for value in values)])
