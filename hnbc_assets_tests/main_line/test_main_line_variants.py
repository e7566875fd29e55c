"""The study where there is little or nothing to find: null results are published as such, and nothing crashes."""

import pytest


def run(lake):
    ended = lake.hnbc("run")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.full
def test_without_overlap_there_is_no_signature_and_all_outputs_report_it(small_lake):
    lake = small_lake(simulation={"variant": "no_overlap"})
    output = run(lake)
    assert lake.ask("SELECT count(*) AS n FROM candidate_genes").n[0] == 0
    assert lake.ask("SELECT count(*) AS n FROM signature").n[0] == 0
    assert lake.ask("SELECT count(*) AS n FROM risk_scores").n[0] == 0
    made = lake.ask("SELECT * FROM signatures").iloc[0]
    assert made.signature_id == "none"
    assert "no candidate genes" in made.note
    coverage = lake.ask("SELECT * FROM score_coverage")
    assert len(coverage) == 4
    assert coverage.note.notna().all()
    performance = lake.ask("SELECT * FROM prognostic_performance WHERE metric = 'hazard_ratio_per_sd'")
    assert len(performance) == 4
    assert performance.estimate.isna().all()
    assert performance.reason.notna().all()
    failed = set(lake.ask("SELECT check_name FROM check_results WHERE NOT passed").check_name)
    assert {"candidates_found", "signature_found"} <= failed
    assert "none" in output


def test_with_nothing_prognostic_no_independent_cohort_confirms_the_score(small_lake):
    lake = small_lake(simulation={"variant": "null"})
    output = run(lake)
    assert lake.ask("SELECT count(*) AS n FROM truth WHERE question = 'survival' AND holds").n[0] == 0
    figures = lake.ask("SELECT * FROM prognostic_performance WHERE metric = 'hazard_ratio_per_sd' AND independent")
    assert len(figures) == 2
    confirmed = figures[(figures.ci_lower > 1).fillna(False)]
    assert confirmed.empty, confirmed
    assert "in 0 of 2 independent cohorts" in " ".join(output.split()) or "none" in output


@pytest.mark.full
def test_batch_effects_do_not_stop_the_study_and_planted_genes_are_still_found(small_lake):
    lake = small_lake(simulation={"variant": "batch"})
    run(lake)
    planted = lake.ask("""
        SELECT avg((c.gene IS NOT NULL)::INT) AS found FROM truth t
        JOIN (SELECT DISTINCT gene FROM drug_resistance_genes) m ON m.gene = t.entity
        LEFT JOIN candidate_genes c ON c.gene = t.entity
        WHERE t.question = 'resistance_plain' AND t.holds AND t.anoikis_gene""")
    assert planted.found[0] >= 0.8
    assert lake.ask("SELECT bool_and(passed) AS ok FROM check_results WHERE severity = 'ERROR'").ok[0]
    scored = lake.ask("SELECT avg((risk_score IS NOT NULL)::INT) AS share FROM risk_scores").share[0]
    assert scored > 0.98, "only a patient with a missing value has no score"


@pytest.mark.full
def test_every_step_in_its_own_process_gives_the_same_tables(small_lake, tmp_path):
    lake = small_lake()
    run(lake)
    question = "SELECT asset, max(data_version) AS version FROM lineage GROUP BY ALL ORDER BY ALL"
    in_process = lake.ask(question)
    ended = lake.hnbc("run", "--executor", "multiprocess", timeout=1800)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert lake.ask(question).equals(in_process)
