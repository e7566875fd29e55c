"""GEO as recorded: the head of a real platform annotation, and a series' record."""

from __future__ import annotations

import gzip

import httpx
import pytest

from hnbc_assets.errors import FormatError
from hnbc_assets.sources.geo import files as geo
from hnbc_assets.sources.web.http import connect

pytestmark = pytest.mark.real


def test_a_recorded_annotation_is_read_although_columns_repeat(evidence, tmp_path):
    text = (evidence / "geo/GPL97.annot_head.txt").read_text()
    header = next(line for line in text.splitlines() if line.startswith("ID\t"))
    assert len(set(header.split("\t"))) < len(header.split("\t"))
    path = tmp_path / "GPL97.annot.gz"
    path.write_bytes(gzip.compress(text.encode()))
    with pytest.raises(FormatError, match="platform_table_end"):  # it is only a head: the reader detects the truncation
        geo.read_annotation(path)
    path.write_bytes(gzip.compress((text.rstrip("\n") + "\n!platform_table_end\n").encode()))
    symbols = geo.read_annotation(path)
    assert symbols["200000_s_at"] == "PRPF8"
    assert symbols["200008_s_at"] == symbols["200009_at"] == "GDI2"
    assert len(symbols) == sum("_at\t" in line[:16] for line in text.splitlines())


def test_the_date_of_a_recorded_series_is_its_release(evidence):
    """With CRLF, as in the text form of GEO's records; one of its rows is empty."""
    record = (evidence / "geo/GSE105845_series_head.soft").read_text().replace("\n", "\r\n")
    with connect("simulated", transport=httpx.MockTransport(lambda _: httpx.Response(200, text=record))) as client:
        assert geo.release(client, "GSE105845") == "2017-10-29"
