"""The gate before a release: each limit by itself, at it and just above it, and who may open it.

Twenty STAR files, or forty patients of whom twenty died: with limits of 5 % one file, two patients, two times and one
event may go.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pandas as pd
import pytest

from hnbc_assets.defs.checks.gates import evidence, plausible_release
from hnbc_assets.defs.checks.in_use import InUse
from hnbc_assets.defs.checks.ingest import previous_release
from hnbc_assets.defs.upstreams import upstreams
from hnbc_assets.lake import parquet
from hnbc_assets.lake.decisions import Decision, decide
from hnbc_assets.lake.parquet import Provenance
from hnbc_assets.lake.paths import Lake
from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.archive.views import keep_view
from hnbc_assets.sources.kinds import source_of
from hnbc_assets.study import PACKAGED, load_study

METABRIC = "cbioportal/brca_metabric"
OLD, NEW = "2026-01-01", "2026-02-01"
N_PATIENTS, N_DEATHS, N_FILES = 40, 20, 20


class NoRecords(source_of("gdc").files):
    """Files of a project whose clinical records are not read."""

    def fields(self):
        return {}

    def unfollowed(self):
        return None


class FilesAlone(source_of("gdc")):
    """A project of the GDC without clinical records."""

    files = NoRecords


class Gate:
    """The gate of one object over an archive of its own."""

    def __init__(self, folder, **limits):
        study = load_study(PACKAGED)
        self.study = study.model_copy(update={"gates": study.gates.model_copy(update=limits)})
        self.lake = Lake(folder / "lake")
        self.archive = Archive(self.lake.raw)

    def portal(self, release, patients):
        """A study's clinical tables in a release; patients without a row in the sample table have no expression."""
        text = {
            "data_clinical_patient": patients.to_csv(sep="\t", index=False, na_rep="NA"),
            "data_clinical_sample": "PATIENT_ID\tSAMPLE_ID\n" + "".join(f"{p}\t{p}-1\n" for p in patients.PATIENT_ID),
        }
        return self.kept("cbioportal", release, {f"brca_metabric/{name}.txt": body for name, body in text.items()})

    def gdc(self, release, files, model="v36"):
        """A project's STAR files by id, each with its own content."""
        bodies = {f"f{n}": f"# gene-model: GENCODE {model}\ngene_id\tunstranded\nG{n}\t1\n" for n in files}
        return self.kept("gdc", release, bodies, folder="TCGA-BRCA/star/")

    def kept(self, source, release, bodies, folder=""):
        rows = [
            self.archive.store(
                source,
                release,
                file_id=name,
                url=f"https://x.org/{name}",
                path=f"{folder}{name}" + (".tsv" if folder else ""),
                content=body.encode(),
            )
            for name, body in bodies.items()
        ]
        return pd.DataFrame(rows).reset_index(drop=True)

    def judge(self, before, after):
        """The outcome for `after` beside what is in use."""
        if before is not None:
            self.use(before)
        upstream = self.upstream(after)
        return plausible_release(after, self.study, self.lake, self.archive, upstream)

    def use(self, manifest, replaces=""):
        """Put a release in use, as its raw asset does; the archive remembers which files it had."""
        upstream, release = self.upstream(manifest), str(manifest.release.iloc[0]) if len(manifest) else ""
        made = Provenance(upstream.raw, release, observed={upstream.look: release}, replaces=replaces)
        parquet.write(self.lake.table(upstream.raw), manifest, made)
        if release:
            keep_view(self.archive, upstream.name, release, manifest)

    def upstream(self, manifest):
        upstream = upstreams(self.study, simulated=False)[METABRIC]
        if len(manifest) and manifest.source.iloc[0] == "gdc":  # files alone: no clinical records are read
            upstream = FilesAlone("gdc/TCGA-BRCA")
        return upstream


def records(n=N_PATIENTS, **changed):
    """Clinical rows of n patients, the first twenty deceased; a column may be given anew."""
    dead = [i < N_DEATHS for i in range(n)]
    frame = pd.DataFrame(
        {
            "PATIENT_ID": [f"MB-{i:04d}" for i in range(n)],
            "AGE_AT_DIAGNOSIS": "61.0",
            "OS_MONTHS": [str(12 + i) for i in range(n)],
            "OS_STATUS": ["1:DECEASED" if d else "0:LIVING" for d in dead],
        }
    )
    return frame.assign(**changed)


@pytest.fixture
def gate(tmp_path):
    return Gate(tmp_path)


def without_times(count):
    """The last patients, who live, have no follow-up time any more."""
    return ["NA" if i >= N_PATIENTS - count else str(12 + i) for i in range(N_PATIENTS)]


def deaths_undone(count):
    """The first deaths are none any more; the times stay."""
    return ["0:LIVING" if i < count or i >= N_DEATHS else "1:DECEASED" for i in range(N_PATIENTS)]


def test_the_first_release_is_let_through(gate):
    now = gate.portal(NEW, records(3))
    assert gate.judge(None, now).value == "first release"
    assert gate.judge(None, now).passed
    assert gate.judge(now.iloc[:0], now).passed


def test_a_release_that_loses_nothing_passes_and_says_within_which_limits(gate):
    outcome = gate.judge(gate.portal(OLD, records()), gate.portal(NEW, records(N_PATIENTS + 5)))
    assert (outcome.passed, outcome.value) == (True, "within the study's limits")
    assert outcome.threshold == (
        "at most 5% of files removed, 5% of patients, 5% of follow-up times and 5% of events lost"
    )
    assert NEW in outcome.description


AT_AND_ABOVE = [
    # what is lost at the limit, and just above it; what is then said
    pytest.param(
        records().iloc[:-2], records().iloc[:-3], "brca_metabric loses 3 of 40 patients (8%, allowed 5%), as MB-0037",
        id="patients",
    ),
    pytest.param(
        records(OS_MONTHS=without_times(2)), records(OS_MONTHS=without_times(3)),
        "brca_metabric loses 3 of 40 follow-up times (os) (8%, allowed 5%), as MB-0037", id="follow-up",
    ),
    pytest.param(
        records(OS_STATUS=deaths_undone(1)), records(OS_STATUS=deaths_undone(2)),
        "brca_metabric loses 2 of 20 events (os) (10%, allowed 5%), as MB-0000", id="events",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("at", "above", "said"), AT_AND_ABOVE)
def test_what_is_lost_may_reach_the_limit_and_not_pass_it(gate, at, above, said):
    before = gate.portal(OLD, records())
    assert gate.judge(before, gate.portal("at", at)).passed
    held = gate.judge(before, gate.portal(NEW, above))
    assert not held.passed
    assert said in held.description
    assert f"cbioportal {NEW} ({METABRIC}) compared with {OLD}" in held.description
    assert f"hnbc refresh --accept cbioportal {NEW}" in held.description


def test_a_release_that_is_fetched_again_is_judged_as_it_was_the_first_time(gate):
    """A run after a stopped one fetches the release in use again. The outcome depends on the data, not on attempts."""
    old, new = gate.portal(OLD, records()), gate.portal(NEW, records().iloc[:-2])
    first = gate.judge(None, old)
    gate.use(old)
    assert InUse(gate.lake, gate.archive, gate.upstream(old)).replaced_by(old) == ""
    assert gate.judge(None, old) == first
    later = gate.judge(None, new)
    replaced = InUse(gate.lake, gate.archive, gate.upstream(new)).replaced_by(new)
    assert replaced == OLD
    gate.use(new, replaces=replaced)
    assert InUse(gate.lake, gate.archive, gate.upstream(new)).replaced_by(new) == OLD
    assert gate.judge(None, new) == later
    sizes = previous_release(new, gate.lake, gate.archive, gate.upstream(new))
    assert f"against {OLD}" in sizes.description


def test_narrower_limits_do_not_hold_up_the_release_in_use(gate):
    old, new = gate.portal(OLD, records()), gate.portal(NEW, records(20))
    gate.use(old)
    gate.use(new, replaces=OLD)
    again = gate.judge(None, new)
    assert again.passed
    assert "20 of 40 patients" in again.value
    assert "It is in use." in again.description


def test_a_release_is_judged_as_the_first_one_if_housekeeping_removed_the_one_before(gate):
    new = gate.portal(NEW, records())
    gate.use(new, replaces="2024-01-01")
    assert gate.judge(None, new).value == "first release"


LIMITS = {"patients": "patients_lost", "follow-up": "survival_lost", "events": "events_lost"}


@pytest.mark.parametrize(
    ("limit", "above", "said"),
    [
        pytest.param(limit, case.values[1], case.values[2].split(" (")[0], id=limit)
        for limit, case in zip(LIMITS.values(), AT_AND_ABOVE, strict=True)
    ],
)
def test_each_limit_is_the_study_s_and_speaks_for_itself_alone(tmp_path, limit, above, said):
    everything = dict.fromkeys([*LIMITS.values(), "files_removed"], 1.0)
    open_gate, one_limit = Gate(tmp_path / "open", **everything), Gate(tmp_path / "one", **everything | {limit: 0.05})
    for gate, passes in ((open_gate, True), (one_limit, False)):
        outcome = gate.judge(gate.portal(OLD, records()), gate.portal(NEW, above))
        assert outcome.passed is passes
        assert (said in outcome.value) is not passes


def test_a_limit_of_zero_lets_nothing_go(tmp_path):
    gate = Gate(tmp_path, patients_lost=0.0)
    before = gate.portal(OLD, records())
    assert gate.judge(before, gate.portal("same", records())).passed
    assert not gate.judge(before, gate.portal(NEW, records().iloc[:-1])).passed


def test_files_may_go_up_to_the_limit(gate):
    before = gate.gdc("45.0", range(N_FILES))
    assert gate.judge(before, gate.gdc("at", range(N_FILES - 1))).passed
    held = gate.judge(before, gate.gdc("46.0", range(N_FILES - 2)))
    assert not held.passed
    assert "2 of 20 files are missing (10%, allowed 5%)" in held.description
    assert "hnbc refresh --accept gdc 46.0" in held.description


def test_replies_of_the_index_are_no_files(gate):
    """With forty pages of an index two of twenty files would be 3 %."""
    pages = {f"TCGA-BRCA/index/cases-{n:04d}": "{}" for n in range(40)}
    before = pd.concat([gate.gdc("45.0", range(N_FILES)), gate.kept("gdc", "45.0", pages)], ignore_index=True)
    assert "2 of 20 files are missing" in gate.judge(before, gate.gdc("46.0", range(N_FILES - 2))).value


@pytest.mark.parametrize("held", [True, False])
def test_another_gene_model_is_held_where_the_study_wants_that(tmp_path, held):
    gate = Gate(tmp_path, gene_model=held)
    outcome = gate.judge(gate.gdc("45.0", range(N_FILES)), gate.gdc("46.0", range(N_FILES), model="v44"))
    assert outcome.passed is not held
    assert ("the gene model is GENCODE v44, it was GENCODE v36" in outcome.value) is held


@pytest.mark.parametrize("held", [True, False])
def test_a_clinical_field_that_is_gone_is_held_where_the_study_wants_that(tmp_path, held):
    gate = Gate(tmp_path, fields=held)
    before = gate.portal(OLD, records())
    outcome = gate.judge(before, gate.portal(NEW, records().drop(columns="AGE_AT_DIAGNOSIS")))
    assert outcome.passed is not held
    assert ("clinical fields are missing: AGE_AT_DIAGNOSIS" in outcome.value) is held


def cases(n_unfollowed, n_living=20, n_dead=5):
    """A page of clinical records as GDC answers it; the first living patients have no follow-up time anywhere."""
    hits = []
    for i in range(n_living + n_dead):
        living, time = i < n_living, None if i < n_unfollowed else 100 + i
        vital = {"vital_status": "Alive" if living else "Dead", "days_to_death": None if living else 50}
        times = {"follow_ups": [{"days_to_follow_up": time}], "diagnoses": [{"days_to_last_follow_up": None}]}
        hits.append({"id": str(i), "submitter_id": f"TCGA-A1-{i:04d}", "demographic": vital} | times)
    return json.dumps({"data": {"hits": hits, "pagination": {"total": len(hits)}}, "warnings": {}})


@pytest.mark.parametrize("first", [True, False])
def test_a_release_in_which_too_many_of_the_living_have_no_follow_up_time_is_held(gate, first):
    """The limit is four of twenty. The first release has no earlier one to compare with, and is held too."""
    upstream = upstreams(gate.study, simulated=False)["gdc/TCGA-BRCA"]

    def judged(release, n_unfollowed):
        pages = {"TCGA-BRCA/index/cases-0000": cases(n_unfollowed)}
        if not first:
            gate.use(gate.kept("gdc", "44.0", pages))
        fetched = gate.kept("gdc", release, pages)
        return plausible_release(fetched, gate.study, gate.lake, gate.archive, upstream)

    assert judged("45.0", 4).passed
    held = judged("46.0", 5)
    assert not held.passed
    why = "5 of 20 living patients have no follow-up time (25%, allowed 20%), as TCGA-A1-0000"
    assert held.value == why
    assert "20% of the living without follow-up time" in held.threshold
    assert ("compared with 44.0" in held.description) is not first
    assert ("The release in use is kept" in held.description) is not first
    assert evidence(held.description).endswith(f"{why}.")
    decide(gate.lake, Decision("accept", "gdc", "46.0", "ada@lab", datetime.now(UTC).isoformat()))
    assert judged("46.0", 5).passed


def test_all_reasons_are_told_together(gate):
    held = gate.judge(gate.portal(OLD, records()), gate.portal(NEW, records(15).drop(columns="AGE_AT_DIAGNOSIS")))
    for said in ("clinical fields are missing", "25 of 40 patients", "25 of 40 follow-up times", "5 of 20 events"):
        assert said in held.value


def test_a_release_cannot_be_compared_with_one_whose_files_are_gone(gate):
    before, after = gate.portal(OLD, records()), gate.portal(NEW, records())
    gate.archive.locate(before.iloc[0]).unlink()
    held = gate.judge(before, after)
    assert not held.passed
    assert "nothing can be compared: 1 archived files of the release in use are missing" in held.description


@pytest.mark.parametrize(
    ("subject", "release", "passes"),
    [
        ("cbioportal", NEW, True),
        (METABRIC, NEW, True),
        ("cbioportal", OLD, False),
        ("gdc", NEW, False),
        ("cbioportal/another", NEW, False),
    ],
)
def test_a_person_lets_one_release_of_one_upstream_through_and_is_named(gate, subject, release, passes):
    before, after = gate.portal(OLD, records()), gate.portal(NEW, records(20))
    now = datetime.now(UTC).isoformat(timespec="seconds")
    decide(gate.lake, Decision("accept", subject, release, "ada@lab", now))
    outcome = gate.judge(before, after)
    assert outcome.passed is passes
    assert (f"Accepted by ada@lab at {now}" in outcome.description) is passes
    assert "20 of 40 patients" in outcome.value


def test_the_release_that_the_study_pins_is_let_through(gate):
    before, after = gate.portal(OLD, records()), gate.portal(NEW, records(20))
    assert not gate.judge(before, after).passed
    pinned = gate.study.releases.model_copy(update={"pin": {METABRIC: NEW}})
    gate.study = gate.study.model_copy(update={"releases": pinned})
    outcome = gate.judge(before, after)
    assert outcome.passed
    assert f"The study pins {METABRIC} to {NEW}" in outcome.description
