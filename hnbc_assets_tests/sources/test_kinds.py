"""Kinds of sources, as they are found by their folders."""

from __future__ import annotations

import abc
import subprocess
import sys
from typing import get_args

import pytest

from hnbc_assets.sources.kinds import cohort_settings, source_of
from hnbc_assets.sources.reading import CohortFiles, offers
from hnbc_assets.sources.settings import CohortSource
from hnbc_assets.sources.upstream import Upstream


def test_the_kinds_are_the_folders_with_settings_in_the_order_they_state():
    assert list(cohort_settings()) == ["geo", "gdc", "cbioportal", "table"]


@pytest.mark.parametrize("kind", cohort_settings())
def test_a_kind_is_named_after_its_folder(kind):
    settings = cohort_settings()[kind]
    assert issubclass(settings, CohortSource)
    assert get_args(settings.model_fields["kind"].annotation) == (kind,)


@pytest.mark.parametrize("kind", [*cohort_settings(), "gdsc", "gene_sets"])
def test_every_source_gives_what_its_base_leaves_open(kind):
    source = source_of(kind)
    assert issubclass(source, Upstream)
    for name in ("description", "release", "listing"):
        assert getattr(source, name) is not getattr(Upstream, name), name
    assert source.look
    assert source.seen.endswith(".")
    if kind in cohort_settings():
        assert issubclass(source.files, CohortFiles)
        for name in ("clinical", "samples", "expression"):
            assert getattr(source.files, name) is not getattr(CohortFiles, name), name


def test_looks_of_different_sources_have_different_names():
    looks = [source_of(kind).look for kind in (*cohort_settings(), "gdsc", "gene_sets")]
    assert len(set(looks)) == len(looks)


@pytest.mark.parametrize(
    ("fact", "kinds"),
    [
        ("gene_models", ["gdc"]),
        ("n_features", ["gdc"]),
        ("gene_names", ["gdc"]),
        ("reply_warnings", ["gdc"]),
        ("unfollowed", ["gdc"]),
        ("matched", ["table"]),
    ],
)
def test_facts_that_few_sources_have(fact, kinds):
    assert [kind for kind in (*cohort_settings(), "gdsc", "gene_sets") if offers(source_of(kind).files, fact)] == kinds
    assert getattr(CohortFiles, fact)(None) is None


@pytest.mark.parametrize(("base", "part"), [(Upstream, "listing"), (CohortFiles, "clinical")])
def test_a_source_that_lacks_a_part_is_refused_before_it_is_asked(base, part):
    class Partial(base):
        """Everything else."""

    for name in base.__abstractmethods__ - {part}:
        setattr(Partial, name, None)
    abc.update_abstractmethods(Partial)
    with pytest.raises(TypeError, match=part):
        Partial("x/y", None)


def test_reading_a_study_imports_neither_tables_nor_requests():
    code = "import sys, hnbc_assets.study; print(*{'pandas', 'httpx', 'numpy', 'polars'} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    assert ended.stdout.strip() == ""
