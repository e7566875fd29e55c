"""Mistakes in a study file: each is reported with its line, its setting, the nearest one, and what to write."""

from __future__ import annotations

import re

import pytest

from hnbc_assets.errors import StudyError
from hnbc_assets.study import PACKAGED, load_study
from hnbc_assets_tests.fuzz.mutations import FOREIGN

BEFORE = """\
name: ours
title: Our study
seed: 1
cohorts:
  finds:
    role: discovery
    source: {kind: geo, series: GSE25055, platform: GPL96}
    expression_scale: log2_intensity
    her2_values: {N: negative, P: positive}
  trains:
    role: training
    source: {kind: gdc, project: TCGA-BRCA, value: tpm}
    expression_scale: log2_tpm
    endpoint: pfi
  ours:
    role: validation
    source: {kind: table, expression: x.csv, clinical: c.csv}
    expression_scale: log2_tpm
    endpoint: os
anoikis_genes:
  - name: GO
    gmt: {file: go.gmt}
    sets: [GOBP_ANOIKIS]
resistance: {contrast: plain, fdr: 0.05}
signature: {folds: 10, penalty: min}
microenvironment:
  markers: {file: markers.tsv}
drugs: {release: "8.5"}
refresh: {schedule: "0 6 * * *"}
releases: {keep: 3}
gates: {fields: true}
execution: {executor: in_process}
"""
FILE = "write either {url"
# The text to replace, its replacement, the setting that is named, words of the remedy. The line that must be named is
# the one with #!, otherwise that of the replaced text.
MISTAKES = {
    "a misspelt section": ("signature: {", "signatur: {", "signatur", "nearest: signature"),
    "a misspelt setting": ("folds: 10", "fold: 10", "signature.fold", "Write folds"),
    "a hyphen for an underscore": ("expression_scale: log2_intensity", "expression-scale: log2_intensity",
                                   "cohorts.finds.expression-scale", "Write expression_scale"),
    "an endpoint without a column": ("    endpoint: os", "    event_values: {rfs: {1: event}} #!\n    endpoint: os",
                                      "cohorts.ours.event_values.rfs", "there are os, dss, pfi, drfs"),
    "a capital letter": ("role: training", "Role: training", "cohorts.trains.Role", "Write role"),
    "a setting at another level": ("gates:", "fdr: 0.1 #!\ngates:", "fdr", "resistance.fdr is one"),
    "a setting of another kind of source": ("platform: GPL96}", "platform: GPL96, project: TCGA-BRCA}",
                                            "cohorts.finds.source.project", "of kind gdc; a geo source has"),
    "a cohort's setting in its source": ("value: tpm}", "value: tpm, endpoint: pfi}",
                                         "cohorts.trains.source.endpoint", "nearest: endpoints"),
    "a setting that does not exist": ("seed: 1", "seed: 1\nzzz: 1 #!", "zzz", "Remove it"),
    "no role": ("    role: discovery\n", "", "cohorts.finds.role", "one of discovery, training"),
    "no title": ("title: Our study\n", "", "title", "Write text"),
    "no kind": ("kind: gdc, ", "", "cohorts.trains.source.kind", "one of geo, gdc, cbioportal, table"),
    "no source": ("    source: {kind: gdc, project: TCGA-BRCA, value: tpm}\n", "", "cohorts.trains.source",
                  "with a kind, one of geo, gdc"),
    "no project": ("project: TCGA-BRCA, ", "", "cohorts.trains.source.project", "such as TCGA-BRCA"),
    "no endpoint": ("    endpoint: os\n", "", "cohorts.ours", "Write endpoint: os"),
    "no gene list": ("anoikis_genes:\n  - name: GO\n    gmt: {file: go.gmt}\n    sets: [GOBP_ANOIKIS]\n",
                     "anoikis_genes: []\n", "anoikis_genes", "at least 1"),
    "a misspelt role": ("role: training", "role: trainig", "cohorts.trains.role", "nearest: training"),
    "a misspelt kind": ("kind: gdc", "kind: gcd", "cohorts.trains.source.kind", "nearest: gdc"),
    "a misspelt scale": ("expression_scale: log2_intensity", "expression_scale: log2_intensities",
                         "cohorts.finds.expression_scale", "nearest: log2_intensity"),
    "a misspelt HER2 status": ("N: negative", "N: negativ", "cohorts.finds.her2_values.N", "nearest: negative"),
    "a misspelt penalty": ("penalty: min", "penalty: minimum", "signature.penalty", "there are min, 1se"),
    "a misspelt contrast": ("contrast: plain", "contrast: er_ajusted", "resistance.contrast", "nearest: er_adjusted"),
    "a misspelt pin": ("keep: 3}", 'keep: 3, pin: {gdc/TCGA-BRAC: "45.0"}}', "releases.pin.gdc/TCGA-BRAC",
                       "nearest: gdc/TCGA-BRCA"),
    "a pin of an upstream that is not used": ("keep: 3}", 'keep: 3, pin: {cbioportal: "1"}}',
                                               "releases.pin.cbioportal", "there are geo/GSE25055"),
    "a pin without quotes": ("keep: 3}", "keep: 3, pin: {gdc: 45.10}}", "releases.pin.gdc", 'in quotes: "45.10"'),
    "a release without quotes": ('release: "8.5"', "release: 8.5", "drugs.release", 'in quotes: "8.5"'),
    "a word that YAML takes for false": ("clinical: c.csv}", "clinical: c.csv}\n    columns: {os_event: no} #!",
                                         "cohorts.ours.columns.os_event", 'in quotes: "no"'),
    "a word for a number": ("folds: 10", "folds: ten", "signature.folds", "a whole number, at least 3"),
    "yes for a number": ("seed: 1", "seed: yes", "seed", "a whole number"),
    "a fraction for a whole number": ("folds: 10", "folds: 10.5", "signature.folds", "a whole number"),
    "a number that is not one": ("fdr: 0.05", "fdr: .nan", "resistance.fdr", "above 0 and at most 1"),
    "a decimal comma": ("fdr: 0.05", 'fdr: "0,05"', "resistance.fdr", "'0,05' cannot be used. Write a number"),
    "too large a number": ("fdr: 0.05", "fdr: 5", "resistance.fdr", "at most 1"),
    "too small a number": ("keep: 3", "keep: 1", "releases.keep", "at least 2"),
    "a word for true": ("fields: true", "fields: sometimes", "gates.fields", "true or false"),
    "an accession of another kind": ("series: GSE25055", "series: GSM25055",
                                     "cohorts.finds.source.series", "such as GSE25055"),
    "a project in small letters": ("TCGA-BRCA", "tcga-brca", "cohorts.trains.source.project", "such as TCGA-BRCA"),
    "a name of two words": ("name: ours", "name: our study", "name", "such as our_patients"),
    "a cohort named größe": ("  ours:", "  größe:", "cohorts.größe", "Write grosse"),
    "a cohort with a capital": ("  ours:", "  Ours:", "cohorts.Ours", "Write ours"),
    "a cohort named by a number": ("  ours:", "  2024:", "cohorts.2024", "Write cohort_2024"),
    "a cohort twice": ("  ours:", "  trains:", "cohorts.trains", "given a second time, which would replace the first"),
    "a setting twice": ("    endpoint: os", "    role: validation #!\n    endpoint: os", "cohorts.ours.role",
                        "(line 16). Write it once"),
    "a section twice": ("gates:", "seed: 2 #!\ngates:", "seed", "given a second time"),
    "an unknown signature method": ("{folds: 10,", "{method: lasso, folds: 10,", "signature.method", "lasso_cox"),
    "an unknown challenger": ("gates:", "challengers: {methods: [ridge]} #!\ngates:", "challengers.methods[0]",
                              "Write one of them"),
    "a method that challenges itself": ("gates:", "challengers: {methods: [lasso_cox]} #!\ngates:",
                                        "challengers.methods[0]", "Remove one"),
    "two cohorts that train": ("role: validation", "role: training", "cohorts", "exactly one training cohort"),
    "none that trains": ("role: training", "role: descriptive", "cohorts", "Write role: training in one"),
    "a list for a section": ("gates: {fields: true}", "gates: [fields]", "gates", "Write settings"),
    "a word for a section": ("gates: {fields: true}", "gates: strict", "gates", "Write settings"),
    "an empty section": ("gates: {fields: true}", "gates:", "gates", "nothing (an empty value) cannot be used"),
    "a list for a word": ("executor: in_process", "executor: [in_process]", "execution.executor", "one of in_process"),
    "a word for a list": ("sets: [GOBP_ANOIKIS]", "sets: GOBP_ANOIKIS", "anoikis_genes[0].sets", "a list of words"),
    "a mapping for a list": ("  - name: GO\n", "    name: GO\n", "anoikis_genes", "a list of settings"),
    "both a file and an address": ("{file: go.gmt}", "{file: go.gmt, url: 'https://x/y.gmt'}",
                                     "anoikis_genes[0].gmt", FILE),
    "neither": ("{file: go.gmt}", "{}", "anoikis_genes[0].gmt", FILE),
    "an address that is not https": ("{file: go.gmt}", "{url: 'http://x/y.gmt'}",
                                     "anoikis_genes[0].gmt.url", "only https"),
    "a path where a file is named": ("{file: go.gmt}", "go.gmt", "anoikis_genes[0].gmt", "{url: …, file: …}"),
    "sets of a GeneCards export": ("gmt: {file", "genecards: {file", "anoikis_genes[0]", "Remove sets"),
    "a list's name twice": ("resistance:", "  - {name: GO, gmt: {file: b.gmt}} #!\nresistance:",
                            "anoikis_genes[1].name", "a name of its own"),
    "a set twice": ("[GOBP_ANOIKIS]", "[GOBP_ANOIKIS, GOBP_ANOIKIS]", "anoikis_genes[0].sets[1]", "Remove one"),
    "a scale that is not the values'": ("value: tpm", "value: counts", "cohorts.trains", "is log2_cpm, not log2_tpm"),
    "columns of a source that names its own": ("endpoint: pfi", "endpoint: pfi\n    columns: {age_years: age}",
                                               "cohorts.trains", "columns is for geo and table"),
    "a cohort that was scaled with no other": ("endpoint: os", "endpoint: os\n    scaled_with: fins #!",
                                           "cohorts.ours.scaled_with", "nearest: finds"),
    "two cohorts that read one object differently": (
        "source: {kind: table, expression: x.csv, clinical: c.csv}", "source: {kind: gdc, project: TCGA-BRCA, "
        "mutations: false}", "cohorts.ours.source.mutations", "Write the same in both"),
    "a schedule in words": ("0 6 * * *", "daily", "refresh.schedule", "Write '0 6 * * *'"),
    "a schedule at hour 24": ("0 6 * * *", "0 24 * * *", "refresh.schedule", "Write '0 6 * * *'"),
    "a tag": ("seed: 1", "seed: !!python/name:os.system x", None, "the tag"),
    "a tab": ("    role: training", "\trole: training", None, "indent with spaces"),
    "too few spaces": ("    role: training", "   role: training", None, "indented too far"),
    "a colon in a title": ("title: Our study", "title: Our study: the second", None, "in quotes"),
    "a bracket that stays open": ("gates: {fields: true}", "gates: {fields: true", None, "a bracket is not closed"),
    "a quotation mark that stays open": ("title: Our study", 'title: "Our study', None, "a quotation mark or bracket"),
    "a key without colon": ("seed: 1", "seed 1", None, "a key without ': '"),
    "an alias of nothing": ("seed: 1", "seed: *nothing", None, "*nothing refers to nothing"),
    "an alias of itself": ("drugs: {release: \"8.5\"}", "drugs: &d {release: *d}", None, "ends before it"),
    "a second study": ("gates:", "--- #!\ngates:", None, "a second document"),
    "a list for a key": ("seed: 1", "[seed]: 1", None, "a key is a word"),
}  # fmt: skip
# Mistakes of a section as a whole are reported at its beginning.
REPORTED_AT = {
    "no role": "  finds:",
    "no title": "name: ours",
    "no source": "  trains:",
    "no endpoint": "  ours:",
    "two cohorts that train": "cohorts:",
    "none that trains": "cohorts:",
    "a mapping for a list": "anoikis_genes:",
    "sets of a GeneCards export": "  - name: GO",
    "a scale that is not the values'": "  trains:",
    "columns of a source that names its own": "  trains:",
}


def refused(path) -> str:
    with pytest.raises(StudyError) as error:
        load_study(path)
    return str(error.value)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_reported_with_its_line_its_setting_and_what_to_write(tmp_path, mistake):
    old, new, setting, remedy = MISTAKES[mistake]
    path = tmp_path / "study.yaml"
    assert old in BEFORE
    changed = BEFORE.replace(old, new, 1)
    path.write_text(changed.replace(" #!", ""), encoding="utf-8")
    message = refused(path)
    assert message.startswith(str(path))
    assert remedy in message
    assert not FOREIGN.search(message)
    if setting is None:
        assert re.search(r", line \d+: ", message), message
        return
    marked = [number for number, line in enumerate(changed.splitlines(), 1) if line.endswith("#!")]
    [at] = marked or [1 + BEFORE[: BEFORE.index(REPORTED_AT.get(mistake, old))].count("\n")]
    found = re.search(rf"^  line (\d+), {re.escape(setting)}: ", message, re.M)
    assert found, message
    assert int(found[1]) == at, message


def test_the_study_without_the_mistakes_is_valid(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(BEFORE)
    study = load_study(path)
    assert study.where("cohorts", "ours", "endpoint") == "study.yaml, line 19, cohorts.ours.endpoint"
    assert study.where("anoikis_genes", 0, "sets", 0) == "study.yaml, line 23, anoikis_genes[0].sets[0]"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (BEFORE.replace("Our", "Für").encode("latin-1"), "line 2: after 'title: F' comes the byte 0xfc"),
        (BEFORE.encode("utf-16"), "is UTF-16"),
        (BEFORE.encode("utf-16-le"), "UTF-16"),
        (b"PK\x03\x04" + bytes(90), "a workbook"),
        (b"", "is empty"),
        (b"# only a comment\n", "is empty"),
        (b"- a\n- b\n", "each written as `key: value`"),
        (b"a" * 300_000, "larger than the 256 kB"),
        (b"a: " + b"[" * 5000, "more than 20 deep"),
        (b"a: \x07", "character that is not text"),
        (b'a: "\\U00110000"', "an escape"),
        (b'a: "\\ud800"', "character that is not text"),
    ],
)
def test_the_message_says_what_a_file_that_is_no_study_is(tmp_path, content, words):
    path = tmp_path / "study.yaml"
    path.write_bytes(content)
    assert words in refused(path)


def test_a_bomb_of_aliases_is_refused_before_it_is_expanded(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    path = tmp_path / "study.yaml"
    path.write_text("\n".join(lines) + "\n")
    assert "more than 20,000 values" in refused(path)


def test_settings_may_be_shared_by_aliases_and_keys_are_read_as_written(tmp_path):
    path = tmp_path / "study.yaml"
    shared = BEFORE.replace("    her2_values: {N", "    her2_values: &words {no: negative, 1: positive, N")
    path.write_text(shared.replace("endpoint: os", "endpoint: os\n    her2_values: {<<: *words, N: indeterminate}"))
    study = load_study(path)
    assert study.cohorts["finds"].her2_values == {"no": "negative", "1": "positive", "N": "negative", "P": "positive"}
    assert study.cohorts["ours"].her2_values == study.cohorts["finds"].her2_values | {"N": "indeterminate"}


def test_a_study_with_a_byte_order_mark_and_windows_line_ends_is_the_same_study(tmp_path):
    (tmp_path / "a.yaml").write_text(BEFORE)
    (tmp_path / "b.yaml").write_bytes(b"\xef\xbb\xbf" + BEFORE.replace("\n", "\r\n").encode())
    assert load_study(tmp_path / "a.yaml") == load_study(tmp_path / "b.yaml")


def test_the_packaged_study_is_read_as_yaml_reads_it():
    import yaml

    from hnbc_assets.study_reading import read

    assert read(PACKAGED).root.plain == yaml.safe_load(PACKAGED.read_text())
