"""docs/extending.md, done in a copy of the project: its files are written unchanged, and their assets made."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

import pytest
import yaml

from hnbc_assets.study import PACKAGED
from hnbc_assets_tests.copies import ROOT, add_line, copied, ran

GUIDE = ROOT / "docs" / "extending.md"
MAKE = """
import sys
from pathlib import Path

import dagster as dg
import pandas as pd

from hnbc_assets.defs import build_definitions
from hnbc_assets.defs.graph import nodes
from hnbc_assets.lake import checks, parquet
from hnbc_assets.lake.parquet import Provenance
from hnbc_assets.lake.paths import Lake
from hnbc_assets.study import PACKAGED, Place, load_study

study, place = load_study(PACKAGED), Place("simulated", Path(sys.argv[1]), PACKAGED)
lake, definitions = Lake(place.data_lake), build_definitions(study, place)


def put(key, frame):
    parquet.write(lake.table(key), frame, Provenance(key, "1"))


put("anoikis_genes", pd.DataFrame({"gene": ["A", "B", "C"]}))
for number, cohort in enumerate(study.cohorts):
    put(f"cohorts/{cohort}", pd.DataFrame({"P1": 1.0}, index=pd.Index(["A", "B", "C"][: number + 1], name="gene")))
known = nodes(definitions.assets)
own = [name for name in known if name.startswith("anoikis_coverage")]
job = definitions.resolve_implicit_global_asset_job_def()
ended = job.execute_in_process(asset_selection=[dg.AssetKey(name.split("/")) for name in own])
made = parquet.read_stored(lake.table("anoikis_coverage"))
[event] = [e for e in ended.get_asset_materialization_events() if e.asset_key.path == ["anoikis_coverage"]]
print("rows", made.frame.n_measured.tolist())
print("inputs", *made.provenance.inputs)
print("described", made.provenance.columns[2]["description"])
print("check", checks.of_asset(lake, "anoikis_coverage")["half_measured"].passed)
print("figure", event.step_materialization_data.materialization.metadata["figure"].value[:20])
print("published", "anoikis_coverage" in known["hnbc_database"].inputs)
"""
COHORT = """
import sys
from pathlib import Path

import dagster as dg

from hnbc_assets.defs import build_definitions
from hnbc_assets.defs.graph import nodes
from hnbc_assets.lake import checks, parquet
from hnbc_assets.lake.paths import Lake
from hnbc_assets.study import Place, load_study

folder = Path(sys.argv[1])
place = Place("simulated", folder / "lake", folder / "study.yaml")
lake, definitions = Lake(place.data_lake), build_definitions(load_study(place.study_file), place)
made = {"raw/wide/ours", *(name for name, node in nodes(definitions.assets).items() if node.step == "cohort_ours")}
job = definitions.resolve_implicit_global_asset_job_def()
job.execute_in_process(asset_selection=[dg.AssetKey(name.split("/")) for name in made])
patients = parquet.read(lake.table("patients/ours"))
made = parquet.read_stored(lake.table("cohorts/ours"))
print("patients", len(patients), int(patients.included.sum()), *patients.her2_status.unique())
print("genes", *made.frame.index)
print("values", made.frame.loc["ESR1"].round(3).tolist()[:2])
print("inputs", *made.provenance.inputs)
print("intact", checks.of_asset(lake, "raw/wide/ours")["files_intact"].passed)
print("look", *(key.to_user_string() for asset in definitions.assets for key in asset.keys))
print("cohort", nodes(definitions.assets)["patients/tcga_brca"].code_version)
"""
INFILTRATE = """
import pandas as pd

from hnbc_assets.science.microenvironment.infiltration import infiltrate
from hnbc_assets.science.microenvironment.methods import label_of

expression = pd.DataFrame({"P1": [1.0, 5.0, 3.0], "P2": [2.0, 2.0, 4.0]}, index=["A", "B", "C"])
scores, uses = infiltrate(expression, {}, {"T cells": ["A", "B", "C"]}, "log2_tpm", min_genes=1)
print("methods", *scores.method.unique())
print("scores", scores[scores.method == "median_expression"].score.tolist())
refused = infiltrate(expression, {}, {"T cells": ["A"]}, "zscore", min_genes=1)[1].set_index("method").reason
print("refused", refused["median_expression"])
print("label", label_of("median_expression"))
"""
TRAIN = """
import sys
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd

from hnbc_assets.defs import build_definitions
from hnbc_assets.defs.graph import nodes
from hnbc_assets.lake import checks, parquet
from hnbc_assets.lake.decisions import Decision, decide
from hnbc_assets.lake.parquet import Provenance
from hnbc_assets.lake.paths import Lake
from hnbc_assets.study import Place, load_study

file, root = Path(sys.argv[1]), Path(sys.argv[2])
study, place = load_study(file), Place("simulated", root, file)
lake, definitions = Lake(root), build_definitions(study, place)
rng, genes = np.random.default_rng(1), [f"G{i:02d}" for i in range(60)]
effects = np.r_[0.9, 0.7, -0.9, -0.7, np.zeros(56)]


def put(key, frame):
    parquet.write(lake.table(key), frame, Provenance(key, "1"))


def read(key):
    return parquet.read(lake.table(key))


def make(*keys):
    job = definitions.resolve_implicit_global_asset_job_def()
    job.execute_in_process(asset_selection=[dg.AssetKey(key.split("/")) for key in keys])


for key in ("raw/geo/GSE25055", "raw/gdc/TCGA-BRCA"):
    put(key, pd.DataFrame({"release": ["45.0"]}))
known = pd.DataFrame({"gene": genes, "direction": "up_in_rd", "in_training_cohort": True})
put("candidate_genes", known)
put("drug_resistance_genes", known)
put("shared_patients", pd.DataFrame(columns=["cohort_a", "cohort_b", "n_shared_ids", "n_similar_profiles"]))
for cohort, n in zip(study.cohorts, (60, 200, 12, 60)):
    x = rng.normal(8, 2, (60, n))
    time, censored = rng.exponential(1500 * np.exp(-effects @ (x - 8) / 2)), rng.uniform(300, 4000, n)
    ids = [f"{cohort}{i}" for i in range(n)]
    put(f"cohorts/{cohort}", pd.DataFrame(x, pd.Index(genes, name="gene"), ids))
    patients = pd.DataFrame({"patient_id": ids, "included": True})
    for endpoint in ("os", "pfi", "drfs"):
        patients[f"{endpoint}_days"] = np.minimum(time, censored) + 1
        patients[f"{endpoint}_event"] = time <= censored
    put(f"patients/{cohort}", patients)
after = ["signature", "signatures", "single_sample_signature", "published/description", "archived_signatures"]
after += [f"{table}/{name}" for table in ("risk_scores", "score_coverage", "archived_risk_scores")
          for name in study.cohorts]
after += ["risk_scores", "score_coverage", "archived_risk_scores"]
fitted = [key for key in nodes(definitions.assets) if key.split("/")[0] in ("refit", "ranked_genes", "lasso_path",
                                                                          "lasso_coefficients")]
make("univariate_cox", *fitted, *after, "signature_challengers", "prognostic_performance")


def report(moment):
    rule = read("published/description").penalty_rule[0]
    scores = read("risk_scores")
    print(moment, rule, "recomputed", checks.of_asset(lake, "risk_scores")["scores_recomputed"].passed,
          "cut", checks.of_asset(lake, "risk_scores")["cutoff_is_training_median"].passed,
          "forms", *sorted(set(scores.form)), "scored", scores.groupby("cohort_id").risk_score.count().to_dict())


print("assets", *sorted(fitted))
report("first")
signature = read("signature").set_index("gene")
print("unused", *sorted(parquet.read_provenance(lake.table("signature")).unused))
print("coefficients", *sorted(set(signature.coefficient)))
print("ranked", sorted(read("ranked_genes").gene) == sorted(signature.index))
[small] = [name for name, n in zip(study.cohorts, (60, 200, 12, 60)) if n == 12]
values = read(f"cohorts/{small}").loc[signature.index].to_numpy()
places, sign = values.argsort(axis=0).argsort(axis=0) + 1, signature.coefficient.to_numpy()
by_hand = places[sign > 0].mean(axis=0) - places[sign < 0].mean(axis=0)
scores = read("risk_scores").set_index("cohort_id").loc[small]
print("by_hand", abs(scores.risk_score.to_numpy() - by_hand).max() < 1e-8)
merit = read("prognostic_performance").query("metric == 'c_index_harrell'").set_index("cohort_id").estimate
print("prognostic", merit.drop(small).min() > 0.6, *merit.round(2))
made = read("signatures").set_index("penalty_rule")
print("statuses", made.status.to_dict())
print("compared", sorted(set(read("signature_challengers").challenger_id)) == [made.signature_id["lambda.min"]])
decide(lake, Decision("promote", "signature", made.signature_id["lambda.min"], "ada@lab", "2999-01-01T00:00:00"))
make(*after)
report("promoted")
print("then", read("signatures").set_index("penalty_rule").status.to_dict())
print("archived", read("archived_risk_scores").groupby("cohort_id").risk_score.count().to_dict())
"""
VERSIONS = """
from pathlib import Path

from hnbc_assets.defs import build_definitions
from hnbc_assets.defs.graph import nodes
from hnbc_assets.study import PACKAGED, Place, load_study

known = nodes(build_definitions(load_study(PACKAGED), Place("simulated", Path("/nowhere"), PACKAGED)).assets)
print("version", known["immune_infiltration/gse25065"].code_version)
print("other", known["univariate_cox"].code_version)
print("cohort", known["patients/tcga_brca"].code_version)
"""


def blocks() -> dict[str, str]:
    """The files of the guide, by path."""
    return dict(re.findall(r"```python title=(\S+)\n(.*?)```", GUIDE.read_text(), flags=re.S))


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The project with the guide's files, and its one line."""
    folder = tmp_path_factory.mktemp("extended")
    copied(folder)
    for path, text in blocks().items():
        assert not (folder / path).exists()
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    [(before, added)] = re.findall(r"```diff\n {5}(\S+)\n\+ {4}(\S+)\n", GUIDE.read_text())
    add_line(folder / "hnbc_assets" / "defs" / "stages" / "__init__.py", f"    {before}\n", f"    {added}\n")
    return folder


@pytest.fixture(scope="module")
def original():
    """The code versions without the guide's files."""
    return ran(ROOT, VERSIONS)


def test_an_immune_method_is_one_file(copy, original):
    assert sum("microenvironment/methods/" in path for path in blocks()) == 1
    printed = ran(copy, INFILTRATE + VERSIONS)
    assert printed["methods"] == "ssgsea mcp_counter mean_z median_expression"
    assert printed["scores"] == "[3.0, 2.0]"
    assert printed["refused"].startswith("it compares expression of genes, which is meaningless where")
    assert printed["label"] == "median of markers"
    assert printed["version"] != original["version"], "infiltration is stale: it has another method"
    assert printed["other"] == original["other"]


def test_a_signature_method_is_two_files_and_its_name_in_the_study(copy, tmp_path):
    """Trained, published, scored and compared with LASSO-Cox, which is then promoted over it."""
    assert sum("methods/rank_difference" in path for path in blocks()) == 2
    study = yaml.safe_load(PACKAGED.read_text())
    [named] = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(), flags=re.S)
    quick = {"signature": {"folds": 5, "repeats": 1, "bootstraps": 100}}
    for section, settings in yaml.safe_load(named).items():
        study[section] = study[section] | settings | quick.get(section, {})
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    printed = ran(copy, TRAIN, str(tmp_path / "study.yaml"), str(tmp_path / "lake"))
    fits = [f"refit/{table}" for table in ("description", "signature", "single_sample_signature")]
    own = ["lasso_coefficients", "lasso_path", "ranked_genes"]
    assert printed["assets"].split() == sorted([*fits, *(f"{fit}/lasso_cox" for fit in fits), *own])
    everybody = {"gse25055": 60, "tcga_brca": 200, "gse25065": 12, "brca_metabric": 60}
    assert printed["first"].startswith("rank_difference recomputed True cut True forms single_sample scored ")
    assert ast.literal_eval(printed["first"].split("scored ")[1]) == everybody
    assert printed["unused"].split() == [f"{fit}/lasso_cox" for fit in sorted(fits)], "they were only compared"
    assert printed["coefficients"] == "-1.0 1.0"
    for proven in ("ranked", "by_hand", "prognostic", "compared"):
        assert printed[proven].startswith("True"), (proven, printed[proven])
    assert ast.literal_eval(printed["statuses"]) == {"rank_difference": "published", "lambda.min": "challenger"}
    assert printed["promoted"].startswith("lambda.min recomputed True cut True forms ")
    assert ast.literal_eval(printed["then"]) == {"lambda.min": "published", "rank_difference": "challenger"}
    assert ast.literal_eval(printed["archived"]) == everybody


def test_a_cohort_source_is_two_files(copy, original, tmp_path):
    assert sum("sources/" in path for path in blocks()) == 2
    study = yaml.safe_load(PACKAGED.read_text())
    source = {"kind": "wide", "table": "ours.tsv", "values": "log2", "simulated": True}
    study["cohorts"]["ours"] = {
        "role": "validation", "endpoint": "os", "expression_scale": "log2_tpm", "source": source,
    }  # fmt: skip
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    header = ["patient_id", "age", "er_status", "her2_status", "os_days", "os_event", "gene:ESR1", "gene:TP53"]
    rows = [
        [f"P{n:02}", 50, "positive", "negative" if n % 4 else "positive", 100 + n, n % 2, n / 10, 7] for n in range(60)
    ]
    lines = ["\t".join(map(str, row)) for row in [header, *rows]]
    (tmp_path / "ours.tsv").write_text("\n".join(lines) + "\n")
    printed = ran(copy, COHORT, str(tmp_path))
    assert printed["patients"] == "60 45 positive negative"
    assert printed["genes"] == "ESR1 TP53"
    assert printed["values"] == "[0.0, 0.1]"
    assert printed["inputs"] == "raw/wide/ours"
    assert printed["intact"] == "True"
    assert "wide_releases" in printed["look"].split()
    assert printed["cohort"] == original["cohort"], "another kind of source makes no cohort stale"


def test_a_stage_is_three_files_and_one_name(copy, tmp_path):
    assert sum("coverage" in path for path in blocks()) == 3
    printed = ran(copy, MAKE, str(tmp_path / "lake"))
    assert printed["rows"] == "[1, 2, 3, 3]"
    assert sorted(printed["inputs"].split()) == [
        *("anoikis_coverage/brca_metabric", "anoikis_coverage/gse25055"),
        *("anoikis_coverage/gse25065", "anoikis_coverage/tcga_brca"),
    ]
    assert printed["described"] == "of these, genes in the cohort's matrix"
    assert printed["check"] == "False"
    assert printed["figure"].startswith("![figure](data:image")
    assert printed["published"] == "True"


def test_the_files_of_the_guide_follow_the_rules_of_the_house(copy):
    for path in blocks():
        text = (copy / path).read_text()
        assert "In scope:" in text
        assert "Out of scope:" in text
    ruff = [sys.executable, "-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml"), *blocks()]
    ended = subprocess.run(ruff, cwd=copy, capture_output=True, text=True, timeout=600, check=False)
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("page", sorted(GUIDE.parent.glob("*.md")), ids=lambda page: page.name)
def test_every_file_that_a_page_names_exists(page):
    named = set(re.findall(r"`((?:hnbc_assets|hnbc_assets_tests)/[\w/]+(?:\.py)?)`", page.read_text()))
    made_by_readers = {"hnbc_assets/own/mine.py"}
    assert len(named) > 1
    assert {path for path in named - made_by_readers if not (ROOT / path).exists()} == set()
