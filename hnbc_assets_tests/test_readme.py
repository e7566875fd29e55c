"""README: its commands work; the tables, settings and files that it names are those that exist.

Not run here: `make`, the UI (cli/test_cli_ui.py), runs against hosts or a mirror (main_line/test_main_line_real.py).
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import textwrap
import types
import typing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from pydantic import BaseModel

from hnbc_assets.lake import parquet
from hnbc_assets.sources.kinds import cohort_settings
from hnbc_assets.sources.simulated import Simulation
from hnbc_assets.sources.simulated.roster import draw_roster
from hnbc_assets.sources.simulated.world import draw_cohort
from hnbc_assets.study import PACKAGED, Study
from hnbc_assets.study_sources import Cohort
from hnbc_assets_tests.lakes import HNBC, SMALL, Lake, at

REPOSITORY = Path(__file__).resolve().parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
LARGEST_IMAGE = 400_000
SMALLER = {"simulation": SMALL | {"n_drugs": 20}, "signature": {"repeats": 2, "folds": 5, "bootstraps": 100}}


def blocks(language: str) -> list[tuple[str, str]]:
    """The code blocks of a language, each with the text from its end to the next block or heading."""
    found = re.finditer(rf"^( *)```{language}\n(.*?)^\1```$(.*?)(?=^#|^ *```(?!text)|\Z)", README, re.M | re.S)
    return [(textwrap.dedent(match[2]).strip(), match[3]) for match in found]


def commands() -> list[str]:
    """Every `hnbc` command line of the shell blocks."""
    lines = [line for block, _ in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if any(Path(word).name == "hnbc" for word in shlex.split(line, comments=True))]


def section(title: str) -> str:
    return re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", README, re.M | re.S)[1]


def typed(line: str) -> tuple[dict[str, str], list[str]]:
    """The variables that a line sets, and the words after `hnbc`."""
    words = shlex.split(line, comments=True)
    at = next(i for i, word in enumerate(words) if Path(word).name == "hnbc")
    return dict(word.split("=", 1) for word in words[:at]), words[at + 1 :]


def is_typed_here(line: str) -> bool:
    """Whether a command is run here: not one that never ends, made the lake, or contacts live hosts."""
    variables, words = typed(line)
    return not variables and words not in (["ui"], ["run"]) and "--live" not in words


@pytest.fixture(scope="module")
def lake(first, tmp_path_factory):
    """The lake of `make demo`, from a small simulation."""
    folder = tmp_path_factory.mktemp("demo")
    shutil.copytree(first.path.parent, folder, dirs_exist_ok=True)
    return at(folder)


def test_every_command_of_hnbc_that_the_readme_names_exists_with_its_options():
    options: dict[str, set[str]] = {}
    for command, *words in (typed(line)[1] for line in commands()):
        options.setdefault(command, set()).update(word for word in words if word.startswith("-"))
    for command, named in options.items():
        shown = subprocess.run([str(HNBC), command, "--help"], capture_output=True, text=True, check=True).stdout
        assert all(option in shown for option in named), (command, named)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(
            line,
            marks=[pytest.mark.full] if "multiprocess" in line or "--all" in line else [],
            id=" ".join(typed(line)[1]),
        )
        for line in commands()
        if is_typed_here(line)
    ],
)
def test_a_command_of_the_readme_runs(lake, line, tmp_path):
    ended = run(lake, typed(line)[1], cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_second_run_on_another_machine_changes_nothing(lake):
    """Other kernels and one thread, over the same lake: no release is held and no table changes."""
    before = versions(lake)
    other = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OPENBLAS_CORETYPE": "Prescott"}
    ended = run(lake, ["run", "--select", "group:releases or key:raw/gdc/*", "--select", "group:genes"], other)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert versions(lake) == before


@pytest.mark.full
def test_the_readme_s_commands_run_in_its_own_order_in_one_lake(tmp_path):
    """`make demo` and all that follows, multiprocess and single-threaded runs too, until the upstream moves."""
    lake = Lake(tmp_path / "data_lake", PACKAGED)
    assert run(lake, ["run"]).returncode == 0
    first, moved = versions(lake), False
    lines = [line for line in commands() if is_typed_here(line) or typed(line) == ({}, ["run"])]
    assert any("multiprocess" in line for line in lines)
    for line in lines:
        moved = moved or "simulate-release" in line
        for threads in ("1", "2") if typed(line)[1][0] == "run" else ("2",):
            ended = run(lake, typed(line)[1], os.environ | {"OPENBLAS_NUM_THREADS": threads}, cwd=tmp_path)
            assert ended.returncode == 0, (line, threads, ended.stdout + ended.stderr)
            assert moved or versions(lake) == first, (line, threads)
    assert moved


def versions(lake: Lake) -> dict[str, str]:
    """The data version of every table of a lake."""
    tables = lake.path / "tables"
    return {str(p.relative_to(tables)): parquet.read_provenance(p).data_version for p in tables.rglob("*.parquet")}


def run(lake, words, environment=os.environ, cwd=None):
    """A command of `hnbc` on a lake."""
    named = {"HNBC_UPSTREAM": lake.upstream, "HNBC_STUDY": str(lake.study), "HNBC_DATA_LAKE": str(lake.path)}
    return subprocess.run(
        [str(HNBC), *words],
        env={**environment, **named, "DAGSTER_HOME": ""},
        cwd=cwd,
        input="FROM cohorts",
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("number", range(len(blocks("sql"))))
def test_a_query_answers_in_the_columns_that_the_readme_shows(lake, number):
    query, after = blocks("sql")[number]
    shown = re.search(r"```text\n(.*?)\n", after)[1].split()
    answer = lake.ask(query)
    assert answer.columns.tolist() == shown


def test_the_readme_names_every_published_table_and_no_other(lake):
    named = set(re.findall(r"`(\w+)`", section("The tables")))
    assert named == set(lake.ask("SELECT table_name FROM duckdb_tables()").table_name)


def test_the_example_of_a_study_of_ones_own_reads_tables_like_those_shown(tmp_path):
    """The simulated upstream replaces the public hosts. Results of such cohorts: main_line's user cohorts."""
    folder = tmp_path / "our_study"
    folder.mkdir()
    study = yaml.safe_load(blocks("yaml")[0][0])
    study["cohorts"]["our_patients"]["source"]["simulated"] = True
    (folder / "study.yaml").write_text(yaml.safe_dump(study | SMALLER, sort_keys=False))
    write_our_tables(folder, n=60)
    variables, words = typed(next(line for line in commands() if "our_study" in line))
    assert variables["HNBC_UPSTREAM"] == "live", "the patients are real"
    ended = subprocess.run(
        [str(HNBC), *words, "--select", "group:releases", "--select", "group:cohorts"],
        env=os.environ | {"DAGSTER_HOME": ""} | variables | {"HNBC_UPSTREAM": "simulated"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    ours = pd.read_parquet(folder / "lake/tables/cohorts.parquet").set_index("cohort_id").loc["our_patients"]
    assert (ours.n_patients, ours.time_origin) == (60, "surgery")
    assert ours.n_included == (pd.read_csv(folder / "patients.csv").her2 == "not amplified").sum()


def write_our_tables(folder: Path, n: int) -> None:
    """tpm.csv and patients.csv as the README shows them."""
    simulation = Simulation(**SMALL, n_drugs=20)
    roster = draw_roster(simulation)
    drawn = draw_cohort(Simulation(**SMALL | {"seed": 7}, n_drugs=20), roster, "metabric", n)
    names = [f"P{i:03d}" for i in range(n)]
    tpm = np.exp2(drawn.expression.astype(float))
    genes = pd.Index(roster.genes["ensembl_id"].str.split(".").str[0], name="gene_id")
    pd.DataFrame(tpm * (1e6 / tpm.sum(axis=0)), genes, names).round(3).to_csv(folder / "tpm.csv")
    known = drawn.patients
    pd.DataFrame(
        {
            "patient": names,
            "age": known["age_years"].round().astype(int).to_numpy(),
            "er": np.where(known["er"], "pos", "neg"),
            "her2": np.where(known["her2"], "amplified", "not amplified"),
            "months": (known["os_years"] * 12).round(1).to_numpy(),
            "dead": np.where(known["os_event"], "yes", "no"),
        }
    ).to_csv(folder / "patients.csv", index=False)


def settings() -> dict[str, object]:
    """Every setting of a study with its default, as the README names it."""
    found = fields(Study, "")
    found |= fields(Cohort, "cohorts.NAME.")
    for source in cohort_settings().values():
        found |= dict.fromkeys(fields(source, "source."))
    return found


def fields(model: type[BaseModel], prefix: str) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, field in model.model_fields.items():
        sections = [kind for kind in _kinds(field.annotation) if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if prefix == "" and sections and name != "cohorts":
            found |= fields(sections[0], f"{name}[]." if typing.get_origin(field.annotation) is list else f"{name}.")
        elif prefix or name != "cohorts":
            found[prefix + name] = None if field.is_required() else field.get_default(call_default_factory=True)
    return found


def _kinds(annotation: object) -> list[object]:
    """A type, or the members of a list or a union."""
    if typing.get_origin(annotation) in (list, typing.Union, types.UnionType):
        return list(typing.get_args(annotation))
    return [annotation]


def described() -> dict[str, str]:
    """Setting to default as in the README's table; `.name` continues the previous setting."""
    found: dict[str, str] = {}
    for row in re.findall(r"^\| (`.+?) \| (.+?) \|", section("A study of your own"), re.M):
        names, defaults = re.findall(r"`([\w.\[\]]+)`", row[0]), row[1].split(", ")
        for i, name in enumerate(names):
            full = name if not name.startswith(".") else names[0].rsplit(".", 1)[0] + name
            found[full] = defaults[i].strip("`") if len(defaults) == len(names) else row[1]
    return found


def test_the_readme_describes_every_setting_with_its_default():
    there, documented = settings(), described()
    assert set(documented) == set(there)
    simple = {name: value for name, value in there.items() if isinstance(value, (bool, int, float, str))}
    written = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in simple.items()}
    assert {name: documented[name].strip("`") for name in written} == written


def test_files_and_images_that_the_readme_links_exist():
    linked = [place for place in re.findall(r"\]\(([^)]+)\)", README) if not place.startswith("https://")]
    for place in linked:
        assert (REPOSITORY / place).is_file(), place


def test_images_are_small_and_all_are_shown():
    for place in _images():
        assert (REPOSITORY / place).read_bytes().startswith(b"\x89PNG")
        assert (REPOSITORY / place).stat().st_size < LARGEST_IMAGE, place
        assert f"]({place})" in README, place


def _images() -> set[str]:
    folder = REPOSITORY / "hnbc_assets" / "report" / "images"
    return {path.relative_to(REPOSITORY).as_posix() for path in folder.glob("*")}
