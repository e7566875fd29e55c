"""Code versions: an edit makes stale what it can change, and nothing else.

Each test edits a copy of the package as a person would, and compares the code versions of all assets.
"""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hnbc_assets.defs import build_definitions
from hnbc_assets.defs.code.closure import Code
from hnbc_assets.defs.graph import nodes
from hnbc_assets.sources.gdc import files as gdc
from hnbc_assets.sources.kinds import cohort_settings, source_of
from hnbc_assets.study import PACKAGED, Place, load_study

REPOSITORY = PACKAGED.parent.parent
DATABASE = {"hnbc_database"}
COHORT = ("cohorts", "samples", "patients", "included_patients", "gene_mappings", "clinical_values")
INFILTRATION = ("immune_infiltration", "immune_method_use")
MODELS = ("drug_models", "drug_sensitivity")
TRAINING = {f"refit/{name}" for name in ("signature", "description", "single_sample_signature")}
TRAINING |= {"lasso_path", "lasso_coefficients"}
SCREEN = {"cell_lines", "drug_screen/expression", "drug_screen/ln_ic50", "drug_screen/drugs"}
USER_TABLE = """
  mine:
    role: validation
    endpoint: os
    expression_scale: log2_tpm
    source: {kind: table, expression: e.csv, clinical: c.csv}
"""


class Copy:
    """A copy of the package, whose code the assets' code versions are computed from."""

    def __init__(self, folder: Path) -> None:
        self.package = folder / "hnbc_assets"
        shutil.copytree(REPOSITORY / "hnbc_assets", self.package, ignore=shutil.ignore_patterns("__pycache__"))
        study = folder / "study.yaml"
        study.write_text(re.sub(r"(?m)^cohorts:\n", f"cohorts:{USER_TABLE}", PACKAGED.read_text()))
        self.study = load_study(study)

    def versions(self, upstream: str = "simulated") -> dict[str, str]:
        """The code version of every asset."""
        study = self.study if upstream != "simulated" else load_study(PACKAGED)
        place = Place(upstream, self.package.parent / "lake", PACKAGED)
        made = build_definitions(study, place, Code(self.package.parent))
        return {name: node.code_version for name, node in nodes(made.assets).items()}

    @contextmanager
    def edited(self, **texts: str) -> Iterator[None]:
        """Files as they are after an edit, by path."""
        before = {path: (self.package / path).read_text() for path in texts}
        for path, text in texts.items():
            assert text != before[path], f"{path} is not edited"
            (self.package / path).write_text(text)
        yield
        for path, text in before.items():
            (self.package / path).write_text(text)

    def text(self, path: str) -> str:
        return (self.package / path).read_text()

    def with_code(self, path: str, *functions: str) -> dict[str, str]:
        """A module with another statement in these functions (default: in all of them)."""
        lines = self.text(path).splitlines(keepends=True)
        found = {n.name: n for n in ast.walk(ast.parse("".join(lines))) if isinstance(n, ast.FunctionDef)}
        assert found, f"{path} has no function"
        assert set(functions) <= set(found)
        for node in sorted((found[name] for name in functions or found), key=lambda n: -n.body[-1].lineno):
            last = node.body[-1]
            lines.insert(last.lineno - 1, " " * last.col_offset + "edited = 1\n")
        ast.parse("".join(lines))
        return {path: "".join(lines)}

    def with_text(self, path: str, old: str, new: str) -> dict[str, str]:
        assert self.text(path).count(old) == 1, f"{path} has {old!r} {self.text(path).count(old)} times"
        return {path: self.text(path).replace(old, new)}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    return Copy(tmp_path_factory.mktemp("copy"))


@pytest.fixture(scope="module")
def simulated(copy):
    return copy.versions()


@pytest.fixture(scope="module")
def live(copy):
    return copy.versions("live")


def each(versions: dict[str, str], *tables: str) -> set[str]:
    """The assets of every cohort that hold rows of these tables."""
    return {name for name in versions if name.split("/")[0] in tables and "/" in name}


def of_cohorts(versions: dict[str, str]) -> set[str]:
    return each(versions, *COHORT)


def of_raw(versions: dict[str, str]) -> set[str]:
    return {name for name in versions if name.startswith("raw/")}


def differ(before: dict[str, str], after: dict[str, str]) -> set[str]:
    assert before.keys() == after.keys()
    return {name for name, version in before.items() if after[name] != version}


def test_remarks_docstrings_and_layout_make_nothing_stale(copy, simulated):
    """In every module of the package, but for the docstrings of tables, which are published."""
    texts = {}
    for path in copy.package.rglob("*.py"):
        name = path.relative_to(copy.package).as_posix()
        text = "# A remark.\n\n" + path.read_text().replace("\n\n\ndef ", "\n\n\n\n# A remark.\ndef ")
        texts[name] = text if name.startswith("tables/") else re.sub(r'(?m)^(\s*)"""(?=\w)', r'\1"""Remark. ', text)
    assert "Remark." in texts["science/cohorts/her2.py"]
    with copy.edited(**texts):
        assert differ(simulated, copy.versions()) == set()


def test_annotations_make_nothing_stale(copy, simulated):
    edit = copy.with_text("science/cohorts/her2.py", "def decide(word: pd.Series, ", "def decide(word: object, ")
    with copy.edited(**edit):
        assert differ(simulated, copy.versions()) == set()


def test_what_draws_and_words_makes_nothing_stale(copy, simulated):
    drawing = [p.relative_to(copy.package).as_posix() for p in (copy.package / "report").rglob("[a-z]*.py")]
    texts = {}
    for path in ("report/figures/canvas.py", *drawing, "errors.py", "redaction.py"):
        texts |= copy.with_code(path) if "def " in copy.text(path) else {}
    with copy.edited(**texts):
        assert differ(simulated, copy.versions()) == set()


def test_a_rule_of_her2_makes_the_cohorts_stale_and_nothing_that_is_fetched(copy, simulated):
    with copy.edited(**copy.with_code("science/cohorts/her2.py", "decide")):
        assert differ(simulated, copy.versions()) == of_cohorts(simulated)


def test_training_makes_the_trained_signature_stale_alone(copy, simulated):
    with copy.edited(**copy.with_code("science/signature/lasso.py", "fit_lasso")):
        assert differ(simulated, copy.versions()) == TRAINING


def test_a_method_of_infiltration_makes_infiltration_stale_alone(copy, simulated):
    with copy.edited(**copy.with_code("science/microenvironment/methods/ssgsea.py", "ssgsea")):
        assert differ(simulated, copy.versions()) == each(simulated, *INFILTRATION)


def test_a_method_of_drugs_makes_predictions_stale_alone(copy, simulated):
    with copy.edited(**copy.with_code("science/drugs/ridge.py", "fit")):
        assert differ(simulated, copy.versions()) == each(simulated, *MODELS)


def test_a_reader_makes_stale_what_reads_with_it_and_fetches_nothing_again(copy, live):
    with copy.edited(**copy.with_code("sources/gdsc/response.py")):
        assert differ(live, copy.versions("live")) == SCREEN
    with copy.edited(**copy.with_code("sources/geo/matrix.py")):
        series = {name for name in of_cohorts(live) if name.endswith(("/gse25055", "/gse25065"))}
        assert differ(live, copy.versions("live")) == series


def test_settings_of_a_source_count_by_their_values(copy, live):
    paths = [path.relative_to(copy.package).as_posix() for path in copy.package.glob("sources/*/settings.py")]
    assert len(paths) == len(cohort_settings())
    edits = [copy.with_code(path) for path in ("sources/settings.py", "sources/kinds.py", *paths)]
    with copy.edited(**{path: text for edit in edits for path, text in edit.items()}):
        assert differ(live, copy.versions("live")) == set()


def test_a_sources_own_file_counts_for_its_cohorts_by_what_reads(copy, live):
    metabric = {name for name in of_cohorts(live) if name.endswith("/brca_metabric")} | {"release_changes"}
    with copy.edited(**copy.with_code("sources/cbioportal/source.py", "clinical", "samples", "expression")):
        assert differ(live, copy.versions("live")) == metabric
    with copy.edited(**copy.with_code("sources/cbioportal/source.py", "release", "listing", "asks", "about")):
        assert differ(live, copy.versions("live")) == set()


@pytest.mark.parametrize(
    "path",
    [
        "web/http.py",
        "web/answers.py",
        "web/download.py",
        "web/batch.py",
        "web/progress.py",
        "web/probing.py",
        "archive/store.py",
    ],
)
def test_what_carries_bytes_makes_nothing_stale(copy, live, path):
    with copy.edited(**copy.with_code(f"sources/{path}")):
        assert differ(live, copy.versions("live")) == set()


@pytest.mark.parametrize("kind", [*cohort_settings(), "gdsc", "gene_sets"])
def test_a_contract_makes_its_own_raw_assets_stale_alone(copy, live, monkeypatch, kind):
    monkeypatch.setattr(source_of(kind), "contract", "another")
    own = {name for name in of_raw(live) if name.split("/")[1] == kind}
    assert own
    assert differ(live, copy.versions("live")) == own


def test_other_fields_that_the_gdc_is_asked_for_are_another_contract():
    assert gdc.CASE_FIELDS_OPTIONAL in gdc.CONTRACT
    assert gdc.FILE_FIELDS_REQUIRED in gdc.CONTRACT


def test_the_simulator_counts_where_it_answers_and_nowhere_else(copy, simulated, live):
    edit = copy.with_code("sources/simulated/gdc_api.py")
    with copy.edited(**edit):
        assert differ(simulated, copy.versions()) == of_raw(simulated)
        assert differ(live, copy.versions("live")) == set()
    with copy.edited(**copy.with_code("sources/simulated/truth.py", "truth")):
        assert differ(simulated, copy.versions()) == of_raw(simulated) | {"truth"}


def test_digits_of_a_column_make_its_assets_stale(copy, simulated):
    line = re.search(r"(?m)^class ImmuneInfiltration(.|\n)*?    score: float = column\(.*", copy.text(MICRO))[0]
    with copy.edited(**copy.with_text(MICRO, line, line.replace("column(", "column(digits=4, description="))):
        stacked = {"immune_infiltration"}
        assert differ(simulated, copy.versions()) == each(simulated, *INFILTRATION) | stacked | DATABASE


MICRO = "tables/microenvironment.py"


def test_words_of_a_table_make_the_database_stale_alone(copy, simulated):
    line = re.search(r"(?m)^class ImmuneInfiltration(.|\n)*?    score: float = column\(.*", copy.text(MICRO))[0]
    with copy.edited(**copy.with_text(MICRO, line, line.replace('column("', 'column("in other words, '))):
        assert differ(simulated, copy.versions()) == DATABASE
    with copy.edited(**copy.with_text(MICRO, 'class ImmuneInfiltration(Table):\n    """', CLASS + "In other words: ")):
        assert differ(simulated, copy.versions()) == DATABASE


CLASS = 'class ImmuneInfiltration(Table):\n    """'


def test_how_tables_are_worded_makes_the_database_stale_alone(copy, simulated):
    with copy.edited(**copy.with_code("tables/schema.py", "comment", "dictionary", "full_description", "precision")):
        assert differ(simulated, copy.versions()) == DATABASE


def test_how_frames_are_formed_counts_for_all_that_is_made_and_fetches_nothing(copy, simulated):
    for edit in (copy.with_code("tables/schema.py", "conform"), copy.with_code("digits.py", "rounded")):
        with copy.edited(**edit):
            changed = differ(simulated, copy.versions())
            assert changed == set(simulated) - of_raw(simulated)


def test_data_beside_a_module_make_stale_what_reads_them(copy, simulated):
    path = "science/cohorts/symbol_aliases.tsv"
    with copy.edited(**{path: copy.text(path) + "OLD1\tNEW1\n"}):
        named = {"anoikis_genes", "candidate_enrichment"} | each(simulated, "confounders", *INFILTRATION)
        assert differ(simulated, copy.versions()) == of_cohorts(simulated) | named | SCREEN


def test_a_check_makes_stale_the_asset_that_it_judges(copy, simulated):
    with copy.edited(**copy.with_code("defs/checks/results.py", "fdr_beside_p")):
        assert differ(simulated, copy.versions()) == {"univariate_cox"}
    with copy.edited(**copy.with_code("defs/checks/results.py", "_again")):
        assert differ(simulated, copy.versions()) == {"risk_scores"}


def test_a_gate_fetches_nothing_again(copy, live):
    with copy.edited(**copy.with_code("defs/checks/gates.py"), **copy.with_code("science/cohorts/losses.py")):
        assert differ(live, copy.versions("live")) == set()


def test_how_the_database_is_built_makes_it_stale_alone(copy, simulated):
    with copy.edited(**copy.with_code("lake/database.py")):
        assert differ(simulated, copy.versions()) == DATABASE


def test_an_assets_own_function_counts_and_its_neighbours_do_not(copy, simulated):
    with copy.edited(**copy.with_code("defs/stages/signature.py", "refit_signature")):
        assert differ(simulated, copy.versions()) == {"multivariable_cox", "proportional_hazards"}
    with copy.edited(**copy.with_code("defs/stages/cohorts.py", "of_included")):
        assert differ(simulated, copy.versions()) == each(simulated, *INFILTRATION, *MODELS)
