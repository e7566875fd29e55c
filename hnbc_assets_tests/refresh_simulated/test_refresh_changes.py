"""A refresh to the simulated GDC's next release reports exactly what changed and its effects: compared with the planned
changes and with a comparison of the two published databases that is made here."""

from __future__ import annotations

import itertools
import re

import dagster as dg
import pandas as pd
import pytest

from hnbc_assets.sources.simulated import Simulation, planned_changes
from hnbc_assets.study import load_study
from hnbc_assets_tests.refresh_simulated.content import (
    CHANGE,
    GDC,
    RAW,
    counted,
    differing,
    downloads,
    made_in,
    succeeded,
    table_of,
    values,
    versions,
)

# In-process change of the second release: follow-up alone.
FOLLOW_UP_ALONE = """
from hnbc_assets.sources.simulated import gdc_releases
drawn = gdc_releases.draw_changes
def follow_up_alone(world):
    all = drawn(world)
    return gdc_releases.Changes(all.arrivals.iloc[:0], all.arriving.iloc[:0], all.followed, (), ())
gdc_releases.draw_changes = follow_up_alone
"""
OUTCOMES = ["os_days", "os_event", "dss_days", "dss_event", "pfi_days", "pfi_event"]


@pytest.fixture(scope="module")
def planned(first):
    return planned_changes(Simulation(**load_study(first.study).simulation.model_dump()))


def plain(frame, *columns):
    """Rows as sorted tuples, nulls as None."""
    columns = list(columns or frame.columns)
    rows = [tuple(None if pd.isna(v) else v for v in row) for row in frame[columns].itertuples(index=False)]
    return sorted(rows, key=repr)


def by(frame, *key):
    """Rows as dictionaries by key, nulls as None."""
    records = frame.astype(object).where(frame.notna(), None).to_dict("records")
    found = {tuple(row[name] for name in key): row for row in records}
    assert len(found) == len(records)
    return found


def both(first, second, table):
    return [lake.ask(f"SELECT * FROM {table}") for lake in (first, second)]


# -- new data ---------------------------------------------------------------------------------------------------------
def test_the_changes_of_the_release_are_those_that_were_planned_and_no_others(second, planned):
    found = second.ask("SELECT * FROM release_changes")
    renamed = found.kind == "field_renamed"
    assert renamed.sum() == 1, "its entity is the archived reply, which the plan cannot know"
    found.loc[renamed, "entity"] = None
    columns = ["kind", "entity", "field", "old_value", "new_value"]
    assert plain(found, *columns) == plain(planned, *columns)
    assert set(plain(found, "source", "asset", "from_release", "to_release")) == {("gdc", RAW, "45.0", "46.0")}


def test_the_previous_release_is_in_the_lineage_of_the_changes_unchanged(first, second):
    asked = "SELECT upstream_data_version AS version FROM lineage WHERE asset = ? AND upstream_asset = ?"
    [version] = second.ask(asked, "release_changes", f"views/{GDC}/45.0").version
    assert version == versions(first)[RAW]


def test_only_what_is_new_was_fetched(second, planned):
    asked = downloads((second.path.parent / "asked.txt").read_text().splitlines())
    new = planned[planned.kind == "file_added"].entity.tolist()
    new += planned[planned.field == "file_id"].new_value.tolist()
    new += planned[planned.field == "md5"].entity.tolist()
    assert sorted(one.rpartition("/")[2] for one in asked) == sorted(new)


def test_the_dry_run_forecast_what_the_refresh_then_made(first, second):
    """Everything that it calls certain was made, and nothing that it does not name."""
    foreseen = (second.path.parent / "foreseen.txt").read_text()
    certain, possible = (
        set(re.search(f"{begins}(.*)", foreseen)[1].split(", "))
        for begins in ("would be made: ", "those whose inputs have then changed: ")
    )
    before, after = made_in(first), made_in(second)
    made = {asset for asset in after if after[asset] != before.get(asset)}
    assert certain == {RAW}
    assert certain <= made <= certain | possible
    assert "hnbc_database" in possible, "which is no table of the lake"


def test_status_and_refresh_agree_that_a_new_title_makes_nothing_stale(second, copy):
    lake = copy(second)
    written = lake.study.read_text()
    lake.study.write_text(re.sub("^title: .*", "title: Another title", written, flags=re.MULTILINE))
    assert lake.study.read_text() != written
    asset_lines = re.findall(r"stale: .*", succeeded(lake.hnbc("status")))
    assert asset_lines == [f"stale: none of {len(made_in(lake)) + 1} assets"], "and the database"
    assert "Everything is current" in succeeded(lake.hnbc("refresh"))


def test_the_patients_whose_follow_up_changed_or_who_were_added_are_those_planned(first, second, planned):
    old, new = (
        frame[frame.cohort_id == "tcga_brca"].set_index("patient_id") for frame in both(first, second, "patients")
    )
    assert set(new.index) - set(old.index) == set(planned[planned.kind == "patient_added"].entity)
    assert set(old.index) <= set(new.index)
    was, now = old[OUTCOMES].astype(object), new.loc[old.index, OUTCOMES].astype(object)
    other = ((was != now) & ~(was.isna() & now.isna())).any(axis=1)
    assert set(other.index[other]) == set(planned[planned.kind == "value_changed"].entity)


# -- effects ----------------------------------------------------------------------------------------------------------
def test_genes_entered_left_and_changed_as_the_two_signatures_differ(first, second):
    old, new = (frame.set_index("gene").coefficient.to_dict() for frame in both(first, second, "signature"))
    expected = [
        (gene, "coefficient" if gene in old and gene in new else word, old.get(gene), new.get(gene))
        for word, gene in [*(("left", gene) for gene in old), *(("entered", gene) for gene in new.keys() - old.keys())]
        if old.get(gene) != new.get(gene)
    ]
    found = second.ask("SELECT * FROM signature_changes")
    assert plain(found, "gene", "change", "old_coefficient", "new_coefficient") == sorted(expected, key=repr)
    assert {"entered", "left"} <= set(found.change), "the release was made to move the signature"
    ids = [frame.signature_id.iloc[0] for frame in both(first, second, "signature")]
    assert ids[0] != ids[1]
    assert set(plain(found, "from_signature_id", "to_signature_id")) == {tuple(ids)}


def test_scores_entered_left_moved_and_flipped_as_the_two_tables_of_scores_differ(first, second):
    old, new = (by(frame, "cohort_id", "patient_id") for frame in both(first, second, "risk_scores"))
    expected = []
    for key in old.keys() | new.keys():
        was, now = old.get(key), new.get(key)
        scores = [row and row["risk_score"] for row in (was, now)]
        groups = [row and row["risk_group"] for row in (was, now)]
        flipped = None not in groups and groups[0] != groups[1]
        another = (scores[0] is None) != (scores[1] is None) or groups[0] != groups[1]
        another |= None not in scores and abs(scores[0] - scores[1]) > 1e-9
        if was is None or now is None or another:
            change = "left" if now is None else "entered" if was is None else "moved"
            expected.append((*key, change, *scores, *groups, flipped))
    found = second.ask("SELECT * FROM risk_changes")
    columns = ["cohort_id", "patient_id", "change", "old_score", "new_score", "old_group", "new_group", "flipped"]
    assert plain(found, *columns) == sorted(expected, key=repr)
    assert {"entered", "moved"} <= set(found.change)
    assert found.flipped.any()


def test_figures_of_merit_changed_as_the_two_tables_of_performance_differ(first, second):
    key, figures = ("cohort_id", "endpoint", "metric", "time_days"), ("estimate", "ci_lower", "ci_upper")
    old, new = (by(frame, *key) for frame in both(first, second, "prognostic_performance"))
    expected = []
    for name in old.keys() | new.keys():
        was, now = ([side.get(name, {}).get(figure) for figure in figures] for side in (old, new))
        pairs = list(zip(was, now, strict=True))
        if any((a is None) != (b is None) or (a is not None and abs(b - a) > 1e-12 * max(abs(a), abs(b)))
               for a, b in pairs):  # fmt: skip
            # as published: 8 significant digits, at most 10 decimals
            difference = None if None in pairs[0] else round(float(f"{now[0] - was[0]:.7e}"), 10)
            expected.append((*name, *was, *now, difference))
    found = second.ask("SELECT * FROM performance_changes")
    columns = [f"{side}_{figure}" for side, figure in itertools.product(("old", "new"), figures)]
    assert plain(found, *key, *columns, "difference") == sorted(expected, key=repr)
    assert {"tcga_brca", "brca_metabric"} <= set(found.cohort_id)


# -- how it is reported -----------------------------------------------------------------------------------------------
def test_every_comparison_has_its_publication(first, second):
    before = first.ask("SELECT * FROM publications")
    assert len(before) == 1
    for table in CHANGE:
        found = second.ask(f"SELECT DISTINCT previous_published_at, releases FROM {table}")
        assert plain(found) == [(before.published_at[0], f"{GDC} 45.0 → 46.0")], table
    made = second.ask("SELECT * FROM publications ORDER BY published_at")
    assert list(made.published_at[:1]) == list(before.published_at)
    assert len(made) == 2
    assert f"{GDC} 46.0" in made.releases[1]
    [baseline] = before.itertuples()
    edges = second.ask(
        "SELECT asset, upstream_asset, upstream_data_version FROM lineage WHERE upstream_asset LIKE 'hnbc_database@%'"
    )
    assert plain(edges) == sorted(
        (table, f"hnbc_database@{baseline.published_at}", baseline.data_version) for table in CHANGE
    )
    assert made.signature_id[1] == second.ask("SELECT signature_id FROM signature").signature_id[0]


def test_the_reports_numbers_are_those_of_the_changes(second, planned):
    [row] = second.ask("SELECT * FROM release_reports").itertuples()
    risk = second.ask("SELECT * FROM risk_changes")
    files, people = (planned[planned.kind.str.startswith(start)] for start in ("file_", ("patient_", "value_")))
    assert (row.n_file_changes, row.n_patients_changed) == (files.entity.nunique(), people.entity.nunique())
    assert row.signature_changed
    assert row.n_scores_moved == ((risk.change == "moved") & risk.old_score.notna() & risk.new_score.notna()).sum()
    assert row.n_flipped == risk.flipped.sum()
    output = (second.path.parent / "output.txt").read_text()
    assert f"{row.n_file_changes} file changes, {row.n_patients_changed} patients changed" in output
    assert f"{row.n_scores_moved} scores moved, {row.n_flipped} groups flipped" in output
    assert row.path in output


def test_the_report_names_the_genes_and_says_simulated(second):
    page = (second.path / second.ask("SELECT path FROM release_reports").path[0]).read_text()
    for gene in second.ask("SELECT gene FROM signature_changes").gene:
        assert gene in page
    assert "SIMULATED" in page
    assert "45.0" in page
    assert "46.0" in page
    assert "data:image/png;base64," in page


def test_the_report_is_in_the_event_log_with_its_figure(second, monkeypatch):
    home = second.path / "dagster"
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with dg.DagsterInstance.from_config(str(home), "terminal.yaml") as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("release_reports"))
    metadata = event.asset_materialization.metadata
    assert isinstance(metadata["report"], dg.MarkdownMetadataValue)
    for gene in second.ask("SELECT gene FROM signature_changes").gene:
        assert gene in metadata["report"].value
    assert "](data:image/png;base64," in metadata["report"].value


# -- what is not made again -------------------------------------------------------------------------------------------
def test_the_same_release_again_is_looked_at_and_nothing_else_happens(second, copy):
    lake = copy(second)
    before, runs = versions(lake), jobs(lake)
    ended, requests = counted(lake, "refresh")
    assert "nothing was fetched, nothing made" in succeeded(ended)
    assert downloads(requests) == []
    assert [one for one in requests if "gdc" in one] == ["GET api.gdc.cancer.gov/status"]
    assert jobs(lake) - runs == {"look": 1}
    assert versions(lake) == before
    assert made_in(lake) == made_in(second)
    assert lake.database.read_bytes() == second.database.read_bytes()


@pytest.mark.full
def test_follow_up_alone_reaches_the_signature_and_nothing_that_depends_on_expression(first, copy, planned):
    lake = copy(first)
    succeeded(lake.hnbc("simulate-release", "46.0"))
    ended, requests = counted(lake, "refresh", change=FOLLOW_UP_ALONE)
    succeeded(ended)
    kinds = lake.ask("SELECT kind, count(DISTINCT entity) AS n FROM release_changes GROUP BY ALL").set_index("kind").n
    followed = planned[planned.kind == "value_changed"]
    assert kinds.to_dict() == {"value_changed": followed.entity.nunique(), "file_superseded": 2, "field_renamed": 1}
    assert len(downloads(requests)) == 2, "the clinical table and the survival workbook"

    before, after = versions(first), versions(lake)
    moved = {asset for asset in before if before[asset] != after[asset]}
    assert {"patients/tcga_brca", "refit/signature", "signature", "risk_scores", "prognostic_performance"} <= moved
    untouched = {"cohorts/tcga_brca", "included_patients/tcga_brca", "drug_models", "drug_sensitivity"}
    untouched |= {"immune_infiltration", "candidate_genes"}
    assert not untouched & moved
    runs = made_in(first), made_in(lake)
    again = {asset for asset in runs[0] if runs[0][asset] != runs[1][asset]}
    assert moved <= again
    downstream = {"drug_models", "drug_sensitivity", "immune_infiltration", "immune_method_use", "candidate_genes"}
    assert not {table_of(asset) for asset in again} & downstream, "they were not even computed again"
    assert {asset for asset in again if asset.startswith("confounders/")} == {"confounders/tcga_brca"}
    assert lake.ask("SELECT n_file_changes AS n FROM release_reports").n[0] == 2


@pytest.mark.full
def test_a_withdrawn_release_is_a_change_too_and_restores_the_previous_results_without_fetching(first, second, copy):
    """The release loses patients and events beyond the study's limits: it is held until someone accepts it."""
    lake = copy(second)
    succeeded(lake.hnbc("simulate-release", "45.0"))
    published = lake.database.read_bytes()
    held, requests = counted(lake, "refresh")
    assert held.returncode == 4, held.stdout + held.stderr
    assert downloads(requests) == []
    assert lake.database.read_bytes() == published
    assert versions(lake) == versions(second)

    ended, requests = counted(lake, "refresh", "--accept", "gdc", "45.0")
    succeeded(ended)
    assert downloads(requests) == []
    now, was = versions(lake), versions(first)
    history = {*CHANGE, "signatures", "archived_signatures", "archived_risk_scores", "signature_challengers"}
    assert {table_of(asset) for asset in was if now[asset] != was[asset]} == history | {RAW}
    files = "SELECT file_id, path, sha256 FROM raw_files WHERE path NOT LIKE '%/index/%' AND asset NOT LIKE '%@%'"
    files += " ORDER BY ALL"
    assert lake.ask(files).equals(first.ask(files)), "the manifest differs in replies about the files' history alone"
    assert {a: v for a, v in values(lake).items() if table_of(a) not in history} == {
        a: v for a, v in values(first).items() if table_of(a) not in history
    }
    tables = set(differing(first.database, lake.database))
    assert tables <= history | {"publications", "lineage", "raw_files", "check_results", "accepted_releases"}
    reports = lake.ask("SELECT releases, signature_changed FROM release_reports ORDER BY previous_published_at")
    assert plain(reports) == [(f"{GDC} 45.0 → 46.0", True), (f"{GDC} 46.0 → 45.0", True)]


def jobs(lake):
    """How many runs of each job the lake's Dagster has."""
    import sqlite3
    from collections import Counter

    with sqlite3.connect(f"file:{lake.path}/dagster/history/runs.db?mode=ro", uri=True) as index:
        return Counter(name for (name,) in index.execute("SELECT pipeline_name FROM runs"))
