"""Tables of numbers as tab-separated text, and workbooks, written fast.

In scope: turning columns into bytes. Out of scope: which columns a host's file has.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

STORED_BLOCK = 0xFFFF
GZIP_HEADER = bytes.fromhex("1f8b08000000000000ff")  # deflate, no time, unknown system
SHEET_START = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
)
MAIN, RELATIONS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main", "http://schemas.openxmlformats.org"


def tab_separated(columns: Mapping[str, Any]) -> bytes:
    """Rows of tab-separated cells, without a header; NaN is an empty cell, floats have the fewest digits that
    read back equal.
    """
    import pyarrow as pa
    import pyarrow.csv

    arrays = [v if isinstance(v, pa.Array) else pa.array(v, from_pandas=True) for v in columns.values()]
    table = pa.Table.from_arrays(arrays, names=[str(i) for i in range(len(arrays))])
    sink = io.BytesIO()
    options = pa.csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none")
    pa.csv.write_csv(table, sink, options)
    return sink.getvalue()


def prepared(values: Sequence[Any]) -> Any:
    """A column shared by many tables, converted once for `tab_separated`."""
    import pyarrow as pa

    return pa.array(values)


def matrix(labels: Mapping[str, Sequence[Any]], values: NDArray[np.floating], decimals: int) -> bytes:
    """Rows of label cells followed by a matrix's values, (n_rows, n_columns), rounded to `decimals`."""
    rounded = np.round(values.astype(np.float64), decimals)
    return tab_separated({**labels, **{f"value {i}": column for i, column in enumerate(rounded.T)}})


def workbook(sheets: Mapping[str, Mapping[str, Sequence[Any]]]) -> bytes:
    """An .xlsx file of sheets, each a mapping of header to cells; None is an empty cell, text is shared."""
    strings: dict[str, int] = {}
    parts = {f"xl/worksheets/sheet{i}.xml": _sheet(columns, strings) for i, columns in enumerate(sheets.values(), 1)}
    items = "".join(f"<si><t>{_escaped(text)}</t></si>" for text in strings)
    parts["xl/sharedStrings.xml"] = f'<?xml version="1.0" encoding="UTF-8"?>\n<sst xmlns="{MAIN}">{items}</sst>'
    names = "".join(f'<sheet name="{_escaped(n)}" sheetId="{i}" r:id="rId{i}"/>' for i, n in enumerate(sheets, 1))
    office = f"{RELATIONS}/officeDocument/2006/relationships"
    parts["xl/workbook.xml"] = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<workbook xmlns="{MAIN}" xmlns:r="{office}">'
        f"<sheets>{names}</sheets></workbook>"
    )
    links = [(f"rId{i}", "worksheet", f"worksheets/sheet{i}.xml") for i in range(1, len(sheets) + 1)]
    parts["xl/_rels/workbook.xml.rels"] = _links([*links, ("rIdS", "sharedStrings", "sharedStrings.xml")])
    parts["_rels/.rels"] = _links([("rId1", "officeDocument", "xl/workbook.xml")])
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    overrides = {"/xl/workbook.xml": "sheet.main", "/xl/sharedStrings.xml": "sharedStrings"}
    overrides |= {f"/xl/worksheets/sheet{i}.xml": "worksheet" for i in range(1, len(sheets) + 1)}
    listed = "".join(f'<Override PartName="{p}" ContentType="{kind}.{k}+xml"/>' for p, k in overrides.items())
    parts["[Content_Types].xml"] = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Types xmlns="{RELATIONS}/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{listed}</Types>'
    )
    return packed({name: text.encode() for name, text in parts.items()})


def packed(members: Mapping[str, bytes]) -> bytes:
    """A zip archive of members stored uncompressed: compressed bytes differ between versions of zlib."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, (2016, 1, 1, 0, 0, 0))
            archive.writestr(info, content)
    return sink.getvalue()


def gzipped(content: bytes) -> bytes:
    """A gzip file (RFC 1952) of uncompressed blocks, for the same reason."""
    starts = range(0, len(content), STORED_BLOCK) or range(1)
    blocks = []
    for start in starts:
        block = content[start : start + STORED_BLOCK]
        last = start + STORED_BLOCK >= len(content)
        blocks += [struct.pack("<BHH", last, len(block), len(block) ^ 0xFFFF), block]
    tail = struct.pack("<II", zlib.crc32(content), len(content) & 0xFFFFFFFF)
    return b"".join([GZIP_HEADER, *blocks, tail])


def _sheet(columns: Mapping[str, Sequence[Any]], strings: dict[str, int]) -> str:
    cells = [
        [_cell(header, strings), *(_cell(value, strings) for value in values)] for header, values in columns.items()
    ]
    rows = "".join(f'<row r="{i}">{"".join(row)}</row>' for i, row in enumerate(zip(*cells, strict=True), 1))
    return f"{SHEET_START}{rows}</sheetData></worksheet>"


def _cell(value: Any, strings: dict[str, int]) -> str:
    if isinstance(value, str):
        return f'<c t="s"><v>{strings.setdefault(value, len(strings))}</v></c>'
    if value is None or value != value:
        return "<c/>"
    return f"<c><v>{value}</v></c>"


def _links(entries: list[tuple[str, str, str]]) -> str:
    office = f"{RELATIONS}/officeDocument/2006/relationships"
    listed = "".join(
        f'<Relationship Id="{i}" Type="{office}/{kind}" Target="{target}"/>' for i, kind, target in entries
    )
    package = f"{RELATIONS}/package/2006/relationships"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Relationships xmlns="{package}">{listed}</Relationships>'


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
