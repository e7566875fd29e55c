"""TCGA's clinical records of the simulated patients: receptors, follow-up, and their gaps and contradictions.

In scope: recorded values, by patient. Out of scope: their file formats (gdc_files, gdc_records).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hnbc_assets.sources.simulated.gdc_samples import barcode
from hnbc_assets.sources.simulated.simulation import Simulation
from hnbc_assets.sources.simulated.world import Cohort

# (share, IHC word, IHC score, FISH) among patients whose tumour has, or has not, the amplification.
HER2_RECORDS: dict[bool, tuple[tuple[float, str | None, str | None, str | None], ...]] = {
    False: (
        (0.26, "Negative", "0", None),
        (0.28, "Negative", "1+", None),
        (0.17, "Equivocal", "2+", "Negative"),
        (0.12, "Negative", None, None),
        (0.05, None, None, "Negative"),
        (0.015, "Negative", "1+", "Equivocal"),
        (0.04, "Equivocal", "2+", None),  # undecided from here on
        (0.015, "Equivocal", "2+", "Equivocal"),
        (0.03, None, None, None),
        (0.01, "Positive", "1+", None),  # contradictions from here on
        (0.01, "Negative", "1+", "Positive"),
    ),
    True: (
        (0.45, "Positive", "3+", None),
        (0.20, "Positive", "3+", "Positive"),
        (0.15, "Equivocal", "2+", "Positive"),
        (0.07, None, None, "Positive"),
        (0.05, "Positive", None, None),
        (0.04, None, None, None),
        (0.02, "Positive", "3+", "Negative"),
        (0.02, "Negative", "3+", None),
    ),
}
STAGES = {
    1: ("Stage IA", "T1", "N0"),
    2: ("Stage IIA", "T2", "N0"),
    3: ("Stage IIIA", "T2", "N2"),
    4: ("Stage IV", "T3", "N1"),
}
MENOPAUSE = {
    True: "Post (prior bilateral ovariectomy OR >12 mo since LMP with no prior hysterectomy)",
    False: "Pre (<6 months since LMP AND no prior bilateral ovariectomy AND not on estrogen replacement)",
}


def draw_records(simulation: Simulation, cohort: Cohort) -> pd.DataFrame:
    """One row per patient, index barcode: recorded receptors, stage and follow-up in days; missing values None or NaN.

    Columns: patient, sex, age_years, er, pr, her2_word, her2_score, her2_fish, stage, t, n, m, menopause, dead,
    os_days, os_event, dss_event, pfi_days, pfi_event, treatment. About one patient in a hundred has no follow-up at
    all, one in sixty was last seen on day 0.
    """
    rng = simulation.rng(cohort.name, "clinic")
    table = cohort.patients
    n = len(table)
    records = pd.DataFrame({"patient": table.index, "sex": table["sex"], "age_years": table["age_years"].astype(int)})
    records.index = pd.Index([barcode(cohort, patient) for patient in table.index], name="barcode")
    er = table["er"].to_numpy()
    records["er"] = np.where(rng.random(n) < 0.02, None, np.where(er, "Positive", "Negative"))
    pr = np.where(rng.random(n) < 0.85, er, ~er & (rng.random(n) < 0.1))
    records["pr"] = np.where(rng.random(n) < 0.025, None, np.where(pr, "Positive", "Negative"))
    records[["her2_word", "her2_score", "her2_fish"]] = _her2_records(table["her2"].to_numpy(), rng)
    for column, place in (("stage", 0), ("t", 1), ("n", 2)):
        records[column] = [STAGES[stage][place] for stage in table["stage"]]
    records.loc[rng.random(n) < 0.015, "stage"] = None
    records["m"] = np.where(table["stage"] == 4, "M1", np.where(rng.random(n) < 0.12, "MX", "M0"))
    post = table["age_years"].to_numpy() + rng.normal(0, 3, n) > 51
    records["menopause"] = np.where(records["sex"] == "male", None, [MENOPAUSE[bool(after)] for after in post])
    records.loc[rng.random(n) < 0.06, "menopause"] = None
    for name, values in outcomes(table).items():
        records[name] = values
    _lose_follow_up(records, rng)
    records["dead"] = records["os_event"]
    records["treatment"] = rng.choice(["Chemotherapy", "Hormone Therapy", "Radiation Therapy, NOS"], n)
    return records


def outcomes(observed: pd.DataFrame) -> dict[str, np.ndarray]:
    """Follow-up as recorded, in whole days, from the observed outcomes (`world.observe`): os_days, os_event,
    dss_event, pfi_event, pfi_days, each (n,)."""
    os_days = np.maximum(np.rint(observed["os_years"].to_numpy() * 365.25), 1.0)
    days = np.maximum(np.rint(observed["years"].to_numpy() * 365.25), 1.0)
    progressed = observed["event"].to_numpy()
    return {
        "os_days": os_days,
        "os_event": observed["os_event"].to_numpy(),
        "dss_event": observed["dss_event"].to_numpy(),
        "pfi_event": progressed,
        "pfi_days": np.where(progressed, np.minimum(days, os_days), os_days),
    }


def _her2_records(amplified: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    found = np.empty((len(amplified), 3), dtype=object)
    for truth, kinds in HER2_RECORDS.items():
        patients = np.flatnonzero(amplified == truth)
        shares = np.array([kind[0] for kind in kinds])
        for patient, chosen in zip(
            patients, rng.choice(len(kinds), len(patients), p=shares / shares.sum()), strict=True
        ):
            found[patient] = kinds[chosen][1:]
    return found


def _lose_follow_up(records: pd.DataFrame, rng: np.random.Generator) -> None:
    """Some patients were seen once, on day 0; some were never followed up."""
    drawn = rng.random(len(records))
    once, never = drawn < 1 / 60, drawn > 0.99
    events, times = ["os_event", "dss_event", "pfi_event"], ["os_days", "pfi_days"]
    records.loc[once | never, events] = False
    records.loc[once, times] = 0.0
    records.loc[never, times] = np.nan
