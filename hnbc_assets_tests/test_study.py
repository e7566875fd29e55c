"""The study file: what it refuses, and what makes two studies the same."""

from __future__ import annotations

import shutil

import pytest
import yaml

from hnbc_assets.errors import StudyError
from hnbc_assets.study import PACKAGED, Place, load_study

GDC = {"kind": "gdc", "project": "TCGA-BRCA"}
TABLE = {"kind": "table", "expression": "mine/x.csv", "clinical": "mine/c.csv"}


@pytest.fixture
def study(tmp_path):
    """The packaged study in its own file, with sections changed and cohorts added."""

    def load(folder="here", cohorts=None, **changes):
        settings = yaml.safe_load(PACKAGED.read_text())
        for name, changed in (cohorts or {}).items():
            settings["cohorts"][name] = settings["cohorts"].get(name, {}) | changed
        path = tmp_path / folder / "study.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(settings | changes, sort_keys=False))
        return load_study(path)

    return load


def mine(**changes):
    return {"mine": {"role": "validation", "source": TABLE, "expression_scale": "log2_tpm", "endpoint": "os"} | changes}


def test_a_study_that_moves_with_its_files_is_the_same_study(study, tmp_path):
    lists = [{"name": "own", "gmt": {"file": "lists/anoikis.gmt"}}]
    here = study("here", mine(), anoikis_genes=lists)
    there = study("there", mine(), anoikis_genes=lists)
    assert (here.folder, there.folder) == (tmp_path / "here", tmp_path / "there")
    assert here.hash == there.hash
    assert here.model_dump_json() == there.model_dump_json()
    assert str(tmp_path) not in here.model_dump_json()
    assert here.anoikis_genes[0].gmt.location == "file:lists/anoikis.gmt"


def test_paths_start_at_the_study_file_wherever_the_process_works(study, tmp_path, monkeypatch):
    study("here", mine())
    monkeypatch.chdir(tmp_path)
    assert load_study("here/study.yaml").folder == tmp_path / "here"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert load_study("../here/study.yaml").folder.samefile(tmp_path / "here")
    monkeypatch.chdir(tmp_path)
    shutil.move(tmp_path / "here", tmp_path / "there")
    assert load_study("there/study.yaml").folder == tmp_path / "there"


def test_a_setting_that_a_result_depends_on_makes_another_study_and_execution_does_not(study):
    whole = study()
    assert study(execution={"download_workers": 3}, database={"keep": 1}).hash == whole.hash
    assert study(resistance={"fdr": 0.1}).hash != whole.hash
    assert study(cohorts=mine(source=TABLE | {"values": "log2"})).hash != study(cohorts=mine()).hash


@pytest.mark.parametrize(
    ("value", "scale"), [("tpm", "log2_cpm"), ("counts", "log2_tpm"), ("tpm", "log2_intensity"), ("counts", "zscore")]
)
def test_a_gdc_cohort_is_on_the_scale_of_its_values(study, value, scale):
    changed = {"tcga_brca": {"source": GDC | {"value": value}, "expression_scale": scale}}
    with pytest.raises(StudyError, match=rf"cohorts\.tcga_brca: source\.value is {value}, whose .* not {scale}"):
        study(cohorts=changed)


def test_counts_of_the_gdc_are_log2_cpm(study):
    made = study(cohorts={"tcga_brca": {"source": GDC | {"value": "counts"}, "expression_scale": "log2_cpm"}})
    assert made.cohorts["tcga_brca"].values is None


def test_the_setting_values_is_for_logarithmic_scales_only(study):
    source = TABLE | {"values": "log2"}
    assert study(cohorts=mine(source=source)).cohorts["mine"].values == "log2"
    with pytest.raises(StudyError, match=r"cohorts\.mine: source\.values is for log2_tpm"):
        study(cohorts=mine(source=source, expression_scale="zscore"))
    with pytest.raises(StudyError, match=r"source\.values: 'log10' is not one .* there are linear, log2"):
        study(cohorts=mine(source=TABLE | {"values": "log10"}))


def test_columns_are_named_only_where_they_are_read(study):
    assert study(cohorts=mine(columns={"os_days": "follow_up"})).cohorts["mine"].columns == {"os_days": "follow_up"}
    with pytest.raises(StudyError, match=r"cohorts\.brca_metabric: columns is for geo and table cohorts"):
        study(cohorts={"brca_metabric": {"columns": {"os_days": "OS"}}})


def test_nothing_is_assumed_of_a_cohort_that_the_study_does_not_state(study):
    cohort = study(cohorts=mine()).cohorts["mine"]
    assert (cohort.time_origin, cohort.collapse, cohort.values, cohort.caution) == (None, None, None, None)


def test_the_packaged_study_states_the_origin_of_its_survival_times():
    assert {cohort.time_origin for cohort in load_study(PACKAGED).cohorts.values()} == {"diagnosis"}


def test_every_wrong_setting_is_named_at_once(study):
    with pytest.raises(StudyError) as refused:
        study(resistance={"fdr": 2}, signature={"fold": 10}, cohorts={"gse25065": {"endpoint": None}})
    for words in ("resistance.fdr", "signature.fold", "cohorts.gse25065: a validation cohort needs an endpoint"):
        assert words in str(refused.value)


@pytest.mark.parametrize(("role", "found"), [("training", "tcga_brca', 'mine"), ("discovery", "gse25055', 'mine")])
def test_one_cohort_finds_the_genes_and_one_trains(study, role, found):
    with pytest.raises(StudyError, match=f"exactly one {role} cohort is needed; found .'{found}'"):
        study(cohorts=mine(role=role))


def test_an_unknown_upstream_is_refused():
    with pytest.raises(StudyError, match="HNBC_UPSTREAM is 'lve'"):
        Place.from_environment({"HNBC_UPSTREAM": "lve"})


def test_a_host_that_moved_needs_no_other_study(study):
    moved = study(addresses={"gdsc.models": ["https://mirror.example/models.csv"]})
    assert moved.addresses == {"gdsc.models": ("https://mirror.example/models.csv",)}
    assert moved.hash == study().hash


@pytest.mark.parametrize(
    ("addresses", "words"),
    [
        ({"gdsc.model": ["https://mirror.example/x"]}, "gdsc.models"),
        ({"gdsc.models": ["ftp://mirror.example/x"]}, "only https"),
        ({"gdsc.models": []}, "at least one address"),
    ],
)
def test_an_unknown_address_is_refused_with_a_clear_message(study, addresses, words):
    with pytest.raises(StudyError, match=words):
        study(addresses=addresses)
