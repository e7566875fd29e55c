"""The report of a release: every number in it is that of its frames, and any text is shown, not interpreted."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from hnbc_assets.report.release.figure import scores_before_after
from hnbc_assets.report.release.report import release_report
from hnbc_assets.tables.changes import (
    SignatureChanges,
)
from hnbc_assets.tables.signature import PrognosticPerformance, Signature
from hnbc_assets_tests.report.invented_release import (
    CAME,
    EMPTY,
    MARKS,
    all_frames,
    release_changes,
)


@pytest.fixture
def frames() -> dict[str, pd.DataFrame]:
    """A release with a bit of everything; its numbers are counted by hand in the tests."""
    return all_frames()


def markdown(frames, watermark=None) -> str:
    """The report without its figure's bytes."""
    text = release_report(frames, title="A study", watermark=watermark, cohorts={}).markdown
    return re.sub(r"base64,[\w+/=]+", "base64,…", text)


def cells(text: str, first: str) -> list[str]:
    """The cells of the table's row that begins so."""
    [row] = [line for line in text.splitlines() if line.startswith(f"| {first} |")]
    return [cell.strip() for cell in row.strip("|").split(" | ")]


class Page(HTMLParser):
    """Every tag with its attributes, and the text between."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_new_data_are_counted_by_kind(frames):
    text = markdown(frames)
    assert f"- {CAME}\n" in text
    assert cells(text, "gdc/TCGA-BRCA") == ["gdc/TCGA-BRCA", "3", "0", "1", "1", "0"]
    assert "Files added: 1 maf and 2 star." in text
    assert "**1 new release, with 4 files and 3 patients added, removed or changed." in text


def test_changed_values_are_counted_and_the_first_patients_named(frames):
    text = markdown(frames)
    assert "2 patients have changed values." in text
    assert "| vital_status | 2 |" in text
    assert "| TCGA-02 | days_to_death | – | 900 |" in text
    assert "1 field is renamed" in text
    assert "- gender → sex_at_birth (gdc/TCGA-BRCA)" in text


def test_of_many_patients_the_first_ten_are_named():
    rows = [("value_changed", f"P{i:02d}", f"field{j}", "1", "2") for i in range(25) for j in range(6)]
    text = markdown({"release_changes": release_changes(*rows)})
    assert "The first 10 of 25 patients, by name; release_changes has all" in text
    assert "P09" in text
    assert "P10" not in text
    assert text.count("and 2 more") == 10


def test_entered_and_left_genes_are_listed_with_their_coefficients(frames):
    text = markdown(frames)
    assert "Another signature is published: bbb, 2 genes; the previous one was aaa." in text
    assert "1 gene entered, 1 gene left and 1 gene changed coefficient." in text
    assert cells(text, "LEAVES")[1:] == ["left", "−0.1250", "–"]
    assert cells(text, "STAYS")[1:] == ["changed coefficient", "+0.5000", "+0.4375"]


def test_an_unchanged_new_or_withdrawn_signature_is_reported(frames):
    unchanged = markdown({**frames, "signature_changes": SignatureChanges.empty()})
    assert "The signature is unchanged: bbb, 2 genes." in unchanged
    assert "The signature is unchanged; " in unchanged
    changes = frames["signature_changes"]
    assert "A signature is published; before there was none: bbb, 2 genes." in markdown(
        {**frames, "signature_changes": changes.assign(from_signature_id="none")}
    )
    ended = {"signature_changes": changes.assign(to_signature_id="none"), "signature": Signature.empty()}
    assert "No signature is published any more; the previous one was aaa." in markdown({**frames, **ended})


def test_the_challenger_is_compared_with_it_apparent_or_independent(frames):
    text = markdown(frames)
    assert "It is compared with ccc (a refit on the current data) on the same patients." in text
    assert "| ccc | train PFI | apparent | 200 / 80 | 0.700 | 0.720 | +0.020 (+0.001 to +0.040) |" in text
    assert "|  | val PFI | independent | 100 / 40 | 0.600 | 0.650 | +0.050 (+0.010 to +0.090) |" in text
    assert "ccc orders patients better in 1 of 1 independent cohort, worse in 0" in text  # the apparent one not counted
    assert "No comparison of ccc in tiny: 1 event; 2 are needed." in text


def test_a_signature_published_before_is_distinguished_from_a_challenger(frames):
    before = frames["signature_challengers"].iloc[:1].assign(challenger_id="aaa", status="retired", apparent=False)
    both = pd.concat([frames["signature_challengers"], before], ignore_index=True)
    text = markdown({**frames, "signature_challengers": both})
    assert "It is compared with ccc (a refit on the current data) and aaa (published before) on" in text
    assert "No independent cohort could compare aaa." in text
    assert "| aaa | train PFI | not independent |" in text


def test_patients_are_counted_by_cohort_and_the_largest_moves_named(frames):
    text = markdown(frames)
    assert "3 scores moved; 2 patients changed risk group." in text
    assert cells(text, "train")[1:] == ["1", "1", "2", "2", "1", "0.225"]
    assert cells(text, "val")[1:] == ["0", "0", "1", "0", "1", "2.000"]
    assert cells(text, "V1")[1:] == ["val", "+1.000 → −1.000", "−2.000", "high → low"]
    assert "1 patient with a score lost a risk group." in text
    assert text.index("| V1 |") < text.index("| TCGA-06 |") < text.index("| TCGA-05 |")


def test_figures_of_merit_are_given_before_and_after_and_uno_is_one_figure(frames):
    text = markdown(frames)
    assert cells(text, "val PFI")  # challenger's table; the figures' one follows
    assert "| hazard ratio per sd | 1.50 (1.10–2.04) | 1.25 (0.94–1.66) | −0.250 |" in text
    assert "| Uno's C, day 3,000 → 3,100 | 0.61 (0.50–0.70) | 0.65 (0.55–0.75) | +0.040 |" in text
    assert "1 other figure changed; performance_changes lists them all." in text
    assert "3 figures of merit changed.**" in text


def test_figures_are_labelled_where_the_published_ones_are_given(frames):
    given = pd.DataFrame({"cohort_id": "val", "endpoint": "pfi", "apparent": [True], "independent": [False]})
    assert "| val PFI (apparent) | hazard" in markdown({**frames, PrognosticPerformance.table_name(): given})
    given["apparent"] = False
    assert "| val PFI (not independent) | hazard" in markdown({**frames, PrognosticPerformance.table_name(): given})


def test_gates_report_who_accepted_when_and_why_they_held(frames):
    text = markdown(frames)
    assert "1 release held by a gate and accepted by a person" in text
    row = cells(text, "gdc/TCGA-BRCA 46.0")
    assert row[1:] == ["M. Rossi", "2026-03-02T09:14:00Z", "6 % of files removed, 5 % allowed"]


@pytest.mark.parametrize("none", [{}, {t.table_name(): t.empty() for t in EMPTY}, {"signature": pd.DataFrame()}])
def test_a_release_that_changed_nothing_is_reported_as_such(none):
    text = markdown(none)
    for sentence in (
        "No new release. Nothing changed in the signature, in patients' scores or in the figures of merit.",
        "No new upstream release.",
        "No value of a clinical record changed.",
        "No signature is published, as before.",
        "No patient's score or risk group changed.",
        "No figure of merit changed.",
        "No release held by a gate was accepted",
    ):
        assert sentence in text
    assert "![" not in text


def test_frames_with_other_types_or_columns_of_their_callers_are_read(frames):
    """As they come from DuckDB: nulls of other kinds, plain booleans; and as the comparisons give them, unmarked."""
    as_read = {name: frame.astype(object).where(frame.notna(), None) for name, frame in frames.items()}
    assert markdown(as_read) == markdown(frames)
    unmarked = {**frames, "risk_changes": frames["risk_changes"].drop(columns=list(MARKS))}
    assert markdown(unmarked) == markdown(frames)


def test_simulated_is_at_the_top_of_both_and_across_the_figure(frames):
    report = release_report(frames, title="A study", watermark="SIMULATED", cohorts={})
    assert report.markdown.split("\n\n")[1].startswith("> **SIMULATED. Planted effects in invented patients")
    assert Page(report.html).text.split("Planted effects")[0].count("SIMULATED") == 1
    drawn = base64.b64encode(scores_before_after(frames["risk_changes"], cohorts={}, watermark="SIMULATED")).decode()
    assert drawn in report.html
    assert drawn in report.markdown
    real = release_report(frames, title="A study", watermark=None, cohorts={})
    assert "SIMULATED" not in real.markdown + real.html
    assert drawn not in real.html


def test_the_figure_knows_which_cohorts_are_independent_and_which_are_not_drawn(frames):
    measured = pd.DataFrame({"cohort_id": ["train", "val"], "metric": "hazard_ratio_per_sd", "apparent": [True, False]})
    measured = measured.assign(independent=[False, True], reason=None)
    cohorts = {"train": "training", "val": "validation", "other": "validation"}
    given = {**frames, "prognostic_performance": measured}
    report = release_report(given, title="A study", watermark=None, cohorts=cohorts)
    drawn = scores_before_after(frames["risk_changes"], measured, cohorts=cohorts)
    assert base64.b64encode(drawn).decode() in report.html
    assert drawn != scores_before_after(frames["risk_changes"], cohorts=cohorts)


def test_the_words_claim_association_only(frames):
    text = markdown(frames)
    assert "Associations only" in text
    assert not re.search(r"\bpredictive\b|\bpredictor\b|\bbenefits? from the\b|\bcaus", text)


def test_the_page_is_self_contained(frames):
    """No script, nothing loaded from elsewhere, one figure inside, every tag closed."""
    report = release_report(frames, title="A study", watermark="SIMULATED", cohorts={})
    page = Page(report.html)
    assert page.open == []
    names = [name for name, _ in page.tags]
    assert names.count("img") == 1
    assert not {"script", "link", "iframe", "object", "a", "base", "form"} & set(names)
    images = [attributes["src"] for name, attributes in page.tags if name == "img"]
    assert base64.b64decode(images[0].removeprefix("data:image/png;base64,")).startswith(b"\x89PNG\r\n")
    assert not [key for _, attributes in page.tags for key in attributes if key.startswith("on")]
    style = report.html.split("<style>")[1].split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    assert "http" not in re.sub(r"base64,[\w+/=]+|http-equiv", "", report.html)


def test_any_text_is_shown_and_never_interpreted(frames):
    evil = "<script>alert(1)</script>|*b*[x](javascript:1)`c`&amp;\n# d\x00"
    frames["release_changes"] = release_changes(("value_changed", evil, evil, evil, evil))
    frames["accepted_releases"] = frames["accepted_releases"].assign(accepted_by=evil, evidence=evil)
    frames["risk_changes"] = frames["risk_changes"].assign(patient_id=evil)
    report = release_report(frames, title=evil, watermark=evil.replace("\x00", ""), cohorts={})
    page = Page(report.html)
    assert page.open == []
    assert not {"script", "a", "b"} & {name for name, _ in page.tags}
    shown = "<script>alert(1)</script>|*b*[x](javascript:1)`c`&amp; # d"
    assert page.text.count(shown) >= 8
    assert "<script" not in report.markdown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\|\\*b\\*\\[x\\](javascript:1)\\`c\\`&amp;amp; # d" in report.markdown
    assert "\n# d" not in report.markdown
    tables = [line for line in report.markdown.splitlines() if line.startswith("| ")]
    for line in tables:
        assert line.endswith(" |")
