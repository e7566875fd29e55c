"""Tables of a newcomer, in a copy of the project: one in a stage that exists, and a stage with five."""

from __future__ import annotations

import pytest

from hnbc_assets_tests.copies import add_line, copied, ran

DOCSTRING = '"""{}.\n\nIn scope: this. Out of scope: the rest.\n"""\n\nfrom __future__ import annotations\n\n'

# --- one table, with a check and a figure, in the stage `genes`
SCIENCE = """
import pandas as pd


def tally(genes: pd.Series) -> pd.DataFrame:
    initials = genes.str[0].rename("initial")
    return initials.value_counts().rename("n_genes").reset_index()
"""
TABLE = """

class GeneInitials(Table):
    \"\"\"How many anoikis genes begin with each letter.\"\"\"

    key = ("initial",)
    initial: str = column("first letter of the symbol")
    n_genes: int = column("genes that begin with it", unit="genes", ge=1)
"""
ASSET = """

def every_gene_counted(gene_initials: pd.DataFrame, anoikis_genes: pd.DataFrame) -> Outcome:
    \"\"\"Every gene is counted once.\"\"\"
    counted, known = gene_initials.n_genes.sum(), anoikis_genes.gene.nunique()
    return Outcome(bool(counted == known), f"{counted} genes", f"{known}", "all are counted")


def draw_initials(gene_initials: pd.DataFrame, place: Place) -> bytes:
    \"\"\"One bar for each letter.\"\"\"
    from hnbc_assets.report.figures import canvas

    figure = canvas.sheet(7, 3)
    canvas.axes(figure, 1.5, 0.8, 0.3).barh(gene_initials.initial, gene_initials.n_genes)
    return canvas.finish(figure, "Anoikis genes by first letter", "of the study", place.watermark)


@stage.asset(GeneInitials, checks=(Check(every_gene_counted, blocking=True),), figure=draw_initials)
def count_initials(anoikis_genes: pd.DataFrame) -> pd.DataFrame:
    \"\"\"The anoikis genes by the first letter of their symbols.\"\"\"
    from hnbc_assets.science.genes.tally import tally

    return tally(anoikis_genes.gene)
"""

# --- a stage with five tables
NUMBERS = ("one", "two", "three", "four", "five")
FIVE_SCIENCE = """
import pandas as pd


def first(genes: pd.Series, n: int) -> pd.DataFrame:
    return pd.DataFrame({"gene": genes.sort_values().head(n)})
"""
FIVE_TABLES = "from hnbc_assets.tables.schema import Table, column\n" + "".join(
    f'''

class First{name.title()}(Table):
    """The first {name} of the anoikis genes."""

    key = ("gene",)
    gene: str = column("symbol")
'''
    for name in NUMBERS
)
FIVE_ASSETS = f'''
import pandas as pd

from hnbc_assets.defs.stage import Stage
from hnbc_assets.tables.initials import {", ".join(f"First{name.title()}" for name in NUMBERS)}

stage = Stage("initials")


@stage.assets({", ".join(f"First{name.title()}" for name in NUMBERS)}, name="first_genes")
def first_genes(anoikis_genes: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The first anoikis genes by symbol."""
    from hnbc_assets.science.initials import first

    return {{f"first_{{name}}": first(anoikis_genes.gene, n) for n, name in enumerate({NUMBERS}, start=1)}}
'''
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
genes = pd.DataFrame({"gene": ["B1", "A1", "A2", "D1", "C1", "E1"]})
parquet.write(lake.table("anoikis_genes"), genes, Provenance("anoikis_genes", "1"))
known, names = nodes(definitions.assets), sys.argv[2:]
job = definitions.resolve_implicit_global_asset_job_def()
ended = job.execute_in_process(asset_selection=[dg.AssetKey(name) for name in names])
groups = {spec.key.path[-1]: spec.group_name for asset in definitions.assets for spec in asset.specs}
for event in ended.get_asset_materialization_events():
    [name] = event.asset_key.path
    figure = event.step_materialization_data.materialization.metadata.get("figure")
    print(name, groups[name], name in known["hnbc_database"].inputs, len(parquet.read(lake.table(name))),
          ",".join(sorted(n for n, one in checks.of_asset(lake, name).items() if one.passed)),
          figure.value[:20] if figure else "")
"""


@pytest.fixture
def copy(tmp_path):
    return copied(tmp_path)


def test_a_table_with_a_check_and_a_figure_is_one_new_file_and_additions_to_two(copy):
    package = copy / "hnbc_assets"
    (package / "science" / "genes" / "tally.py").write_text(DOCSTRING.format("Tally") + SCIENCE)
    tables, stage = package / "tables" / "genes.py", package / "defs" / "stages" / "genes.py"
    tables.write_text(tables.read_text() + TABLE)
    imported = "from hnbc_assets.defs.stage import Outcome\nfrom hnbc_assets.tables.genes import GeneInitials\n"
    add_line(stage, "\nimport pandas as pd\n", imported)
    stage.write_text(stage.read_text() + ASSET)
    printed = ran(copy, MAKE, str(copy / "lake"), "gene_initials")
    assert printed["gene_initials"].startswith("genes True 5 every_gene_counted,schema ![figure](data:image")


def test_a_stage_with_five_tables_is_three_files_and_one_name(copy):
    package = copy / "hnbc_assets"
    for room, text in (("science", FIVE_SCIENCE), ("tables", FIVE_TABLES), ("defs/stages", FIVE_ASSETS)):
        (package / room / "initials.py").write_text(DOCSTRING.format("Initials") + text)
    add_line(package / "defs" / "stages" / "__init__.py", '    "genes",\n', '    "initials",\n')
    names = [f"first_{name}" for name in NUMBERS]
    printed = ran(copy, MAKE, str(copy / "lake"), *names)
    assert printed == {name: f"initials True {n} schema " for n, name in enumerate(names, start=1)}
