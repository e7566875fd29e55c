"""The study with the simulated upstream, from the formats to the published database."""

import hashlib

import pandas as pd
import pytest

from hnbc_assets import tables
from hnbc_assets.tables import Table
from hnbc_assets_tests.lake.invented_lake import WALK_BACK
from hnbc_assets_tests.lakes import Lake

PUBLISHED = [
    t for t in (getattr(tables, name) for name in tables.__all__) if isinstance(t, type) and issubclass(t, Table)
]
NOT_PUBLISHED = {
    *("table", "manifest"),  # what tables are made of, raw_files' rows
    *(
        "included_patients",
        "signature_description",
        "published_description",
        "screened_drugs",
    ),  # steps read them; patients, signatures, drug_models show them
}


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """The packaged study at its default size, run once."""
    from hnbc_assets.study import PACKAGED

    lake = Lake(tmp_path_factory.mktemp("simulated") / "lake", PACKAGED)
    ended = lake.hnbc("run")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (lake.path / "output.txt").write_text(ended.stdout)
    return lake


def test_every_described_table_is_published_with_its_columns_and_comments(lake):
    published = lake.ask("SELECT table_name, comment FROM duckdb_tables()").set_index("table_name").comment
    columns = lake.ask("SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal")
    for table in PUBLISHED:
        name = table.table_name()
        if name in NOT_PUBLISHED:
            continue
        assert published[name].startswith("SIMULATED"), name
        found = columns[columns.table_name == name]
        assert list(found.column_name) == list(table.columns), name
        assert found.comment.str.len().gt(0).all(), name


def test_all_outputs_are_marked_as_simulated(lake):
    assert lake.ask("SELECT bool_and(starts_with(source, 'SIMULATED')) AS ok FROM cohorts").ok.all()
    assert "SIMULATED" in (lake.path / "output.txt").read_text()


def test_planted_anoikis_genes_are_candidates_and_unplanted_ones_rarely(lake):
    genes = lake.ask("""
        SELECT t.entity, t.holds, t.entity_class, c.gene IS NOT NULL AS candidate
        FROM truth t LEFT JOIN candidate_genes c ON c.gene = t.entity
        JOIN (SELECT DISTINCT gene FROM drug_resistance_genes) m ON m.gene = t.entity
        WHERE t.entity_type = 'gene' AND t.anoikis_gene AND t.question = 'resistance_plain'""")
    planted, unplanted = genes[genes.holds.astype(bool)], genes[~genes.holds.astype(bool)]
    assert len(planted) >= 60
    assert planted.candidate.mean() >= 0.8
    assert unplanted.candidate.sum() <= 0.05 * genes.candidate.sum() + 2


def test_er_confounded_genes_vanish_when_adjusted_for_er(lake):
    genes = lake.ask("""
        SELECT g.contrast, avg((g.fdr < 0.05)::INT) AS found, count(*) AS n
        FROM drug_resistance_genes g JOIN truth t ON t.entity = g.gene AND t.entity_type = 'gene'
        WHERE t.entity_class = 'confounded_by_er' AND t.question = 'resistance_plain'
        GROUP BY ALL""").set_index("contrast")
    assert genes.n.min() >= 15
    assert genes.found["plain"] >= 0.8
    assert genes.found["er_adjusted"] <= 0.1


def test_the_signature_predicts_where_it_was_not_trained(lake):
    figures = lake.ask("SELECT * FROM prognostic_performance WHERE metric = 'hazard_ratio_per_sd' AND independent")
    assert set(figures.cohort_id) == {"gse25065", "brca_metabric"}
    assert (figures.ci_lower > 1).all()


def test_planted_immune_and_drug_differences_are_found_and_others_vanish_on_adjustment(lake):
    """By method and cohort: planted at FDR .05 in at least 3 of 4, in the planted direction; over all others, at most
    one in ten (their nominal rate is one in twenty, and cohorts share one score)."""
    for table, key, method in (
        ("immune_associations", "cell_type", "a.method"),
        ("drug_associations", "drug_id", "'ridge'"),
    ):
        found = lake.ask(f"""
            SELECT a.cohort_id, {method} AS method, t.holds, avg((a.adjusted_fdr < 0.05)::INT) AS rate, count(*) AS n,
                avg((sign(a.adjusted_effect) = sign(t.effect))::INT) FILTER (t.holds) AS direction
            FROM {table} a JOIN truth t ON t.entity = a.{key}
            WHERE t.question = 'risk_adjusted' AND t.entity_type <> 'gene' AND a.adjusted_fdr IS NOT NULL
            GROUP BY ALL""")  # fmt: skip
        planted, unplanted = found[found.holds.astype(bool)], found[~found.holds.astype(bool)]
        assert set(planted.cohort_id) == {"tcga_brca", "gse25055", "gse25065", "brca_metabric"}
        assert (planted.rate >= 0.75).all(), planted
        assert (planted.direction == 1).all(), planted
        assert (unplanted.rate * unplanted.n).sum() <= 0.1 * unplanted.n.sum(), unplanted


def test_any_score_is_traced_to_the_sha256_of_the_raw_bytes(lake):
    files = lake.ask(WALK_BACK, "risk_scores")
    assert {"gdc", "geo", "cbioportal", "gene_sets"} <= set(files.source)
    for row in files.groupby("source").head(3).itertuples():
        content = (lake.path / "raw" / row.path).read_bytes()
        assert hashlib.sha256(content).hexdigest() == row.sha256
    own = lake.ask("""
        SELECT f.sha256, f.path FROM risk_scores r
        JOIN samples s ON s.cohort_id = r.cohort_id AND s.patient_id = r.patient_id AND s.selected
        JOIN raw_files f ON f.file_id = s.file_id
        WHERE r.cohort_id = 'tcga_brca' ORDER BY r.patient_id LIMIT 1""")
    assert hashlib.sha256((lake.path / "raw" / own.path[0]).read_bytes()).hexdigest() == own.sha256[0]


def test_scores_follow_from_the_published_coefficients_in_sql_and_parquet(lake):
    signature = lake.ask("SELECT gene, coefficient, mean, sd FROM signature").set_index("gene")
    expression = pd.read_parquet(lake.path / "tables/cohorts/tcga_brca.parquet").set_index("gene").loc[signature.index]
    z = expression.sub(signature["mean"], axis=0).div(signature["sd"], axis=0)
    expected = z.mul(signature.coefficient, axis=0).sum()
    scores = lake.ask("SELECT * FROM risk_scores WHERE cohort_id = 'tcga_brca'").set_index("patient_id").risk_score
    assert (scores - expected[scores.index]).abs().max() < 1e-8


def test_lineage_and_checks_cover_all_ancestors_of_the_database(lake):
    assert lake.ask("SELECT bool_and(passed) AS ok FROM check_results WHERE severity = 'ERROR'").ok.all()
    checked = set(lake.ask("SELECT DISTINCT asset FROM check_results").asset)
    made = set(lake.ask("SELECT DISTINCT asset FROM lineage").asset)
    assert made <= checked
    assert {"risk_scores", "patients/tcga_brca", "cohorts/gse25055"} <= made


def test_the_same_run_again_fetches_nothing_and_changes_no_table(lake):
    before = lake.ask("SELECT asset, max(data_version) AS version FROM lineage GROUP BY ALL ORDER BY ALL")
    fetched = lake.ask("SELECT max(retrieved_at) AS latest FROM raw_files").latest[0]
    ended = lake.hnbc("run")
    assert ended.returncode == 0, ended.stderr
    assert lake.ask("SELECT asset, max(data_version) AS version FROM lineage GROUP BY ALL ORDER BY ALL").equals(before)
    assert lake.ask("SELECT max(retrieved_at) AS latest FROM raw_files").latest[0] == fetched
