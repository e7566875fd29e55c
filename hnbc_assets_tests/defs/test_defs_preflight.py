"""Mistakes in a study's own files are reported before anything is downloaded, with the line that names the file."""

from __future__ import annotations

import re

import pytest

from hnbc_assets.defs.operation.preflight import require_archived_sets, require_files
from hnbc_assets.errors import StudyError
from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.gene_sets import files as gene_sets
from hnbc_assets.study import load_study
from hnbc_assets_tests.lakes import Lake, small_study
from hnbc_assets_tests.test_study_mistakes import BEFORE

FILES = {
    "x.csv": "gene,p1,p2\nTP53,1,2\n",
    "c.csv": "patient,age,months,dead\np1,50,10,yes\np2,60,20,no\n",
    "go.gmt": "GOBP_ANOIKIS\tna\tTP53\nGOBP_REGULATION_OF_ANOIKIS\tna\tESR1\nGOBP_MITOSIS\tna\tAURKA\n",
    "markers.tsv": "HUGO symbols\tCell population\nCD3D\tT cells\n",
}
OURS = "    expression_scale: log2_tpm\n    endpoint: os\nanoikis"


@pytest.fixture
def study(tmp_path):
    """A study with files of its own: `files` changes some (None removes one), `old` and `new` edit the study."""

    def made(files=None, old="", new=""):
        for name, content in (FILES | (files or {})).items():
            if content is not None:
                (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        assert old in BEFORE
        (tmp_path / "study.yaml").write_text(BEFORE.replace(old, new, 1))
        return load_study(tmp_path / "study.yaml")

    return made


def test_files_that_agree_with_the_study_pass(study):
    columns = OURS.replace("anoikis", "    columns: {os_months: months, os_event: dead}\nanoikis")
    require_files(study(old=OURS, new=columns), simulated=False)


MISTAKES = {
    "no expression": ({"x.csv": None}, "", "", r"line 17, cohorts\.ours\.source\.expression: x\.csv .*No such file"),
    "a misspelt table": ({}, "x.csv", "X.csv", r"cohorts\.ours\.source\.expression: X\.csv .* nearest .* x\.csv"),
    "no clinical table": ({"c.csv": None}, "", "", r"line 17, cohorts\.ours\.source\.clinical: c\.csv .*No such file"),
    "a damaged table": ({"x.csv": "gene,p1\nTP53,1,2\n"}, "", "", r"cohorts\.ours\.source: x\.csv, line 2: 3 cells"),
    "other patients": ({"x.csv": "gene,q1\nTP53,1\n"}, "", "", r"cohorts\.ours\.source: x\.csv names none of the pat"),
    "no gene list": ({"go.gmt": None}, "", "", r"line 22, anoikis_genes\[0\]\.gmt\.file: go\.gmt .*No such file"),
    "a gene list in Latin-1": ({"go.gmt": b"G\xd6\tna\tTP53\n"}, "", "",
                               r"anoikis_genes\[0\]\.gmt\.file: go\.gmt, line 1: .* Latin-1"),
    "no gene list in the file": ({"go.gmt": "GO\n"}, "", "", r"anoikis_genes\[0\]\.gmt\.file: go\.gmt, line 1"),
    "a misspelt set": ({}, "GOBP_ANOIKIS]", "GOBP_ANOIKS]",
                       r"line 23, anoikis_genes\[0\]\.sets\[0\]: file:go\.gmt has no set 'GOBP_ANOIKS'; of 3 sets, "
                       r"nearest: GOBP_ANOIKIS; .* Write one that it has"),
    "no markers": ({"markers.tsv": "a\tb\n"}, "", "", r"line 27, microenvironment\.markers\.file: markers\.tsv has no"),
    "no lines": ({}, 'drugs: {release: "8.5"}', "drugs: {expression: {file: rma.txt}}",
                 r"line \d+, drugs\.expression\.file: rma\.txt .*drugs\.expression"),
    "an unknown slot": ({}, OURS, OURS.replace("anoikis", "    columns: {os_mnths: months}\nanoikis"),
                            r"line 20, cohorts\.ours\.columns\.os_mnths: .* nearest: os_months"),
    "an unknown column": ({}, OURS, OURS.replace("anoikis", "    columns: {os_months: month}\nanoikis"),
                              r"line 20, cohorts\.ours\.columns\.os_months: .* no column 'month'; nearest: months"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_file_that_disagrees_with_the_study_is_reported_with_the_line_that_names_it(study, mistake):
    files, old, new, message = MISTAKES[mistake]
    with pytest.raises(StudyError) as error:
        require_files(study(files, old, new), simulated=False)
    assert re.search(
        r"^  study\.yaml, " + message if message.startswith("line") else message, str(error.value), re.M
    ), error.value


def test_all_missing_files_are_reported_together_and_only_those_of_objects_to_be_fetched(study):
    without_files = study(dict.fromkeys(FILES))
    with pytest.raises(StudyError) as error:
        require_files(without_files, simulated=False)
    assert len(str(error.value).splitlines()) == 1 + len(FILES)
    require_files(without_files, simulated=False, objects=["gdc/TCGA-BRCA"])
    with pytest.raises(StudyError, match="expression"):
        require_files(without_files, simulated=False, objects=["table/ours"])


def test_sets_are_looked_up_in_archived_lists_as_soon_as_these_exist(study, tmp_path):
    misspelt, archive = study(old="GOBP_ANOIKIS]", new="GOBP_ANOIKS]"), Archive(tmp_path / "raw")
    require_archived_sets(misspelt, archive)
    gene_sets.fetch(None, archive, ["file:go.gmt"], folder=tmp_path)
    with pytest.raises(StudyError, match=r"study\.yaml, line 23, .* nearest: GOBP_ANOIKIS"):
        require_archived_sets(misspelt, archive)


def test_a_set_that_a_downloaded_list_lacks_is_reported_before_any_cohort_is_fetched(tmp_path):
    path = small_study(tmp_path)
    path.write_text(path.read_text().replace("- GOBP_ANOIKIS\n", "- GOBP_ANOIKS\n"))
    lake = Lake(tmp_path / "lake", path)
    ended = lake.hnbc("run", "--select", "group:releases")
    assert ended.returncode != 0
    assert re.search(r"study\.yaml, line \d+, anoikis_genes\[0\]\.sets\[0\]: .*nearest: GOBP_ANOIKIS", ended.stderr)
    assert {path.name for path in (lake.path / "raw").iterdir() if path.is_dir()} == {"gene_sets"}
