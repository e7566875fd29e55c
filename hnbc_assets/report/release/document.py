"""A small document of headings, paragraphs, lists, tables and a figure, rendered to Markdown and to one HTML file.

In scope: both renderings, and their escaping: any text is shown and never interpreted. Out of scope: the contents of a
report (release, data, results).
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hnbc_assets.report.figures.canvas import as_markdown

CSS = """
:root { color-scheme: light; }
body { margin: 0 auto; max-width: 860px; padding: 1.2rem; background: #fff; color: #222;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0.2rem 0 1rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 0.5rem; padding-top: 0.8rem; border-top: 1px solid #ddd; }
p, ul { margin: 0.5rem 0; }
ul { padding-left: 1.3rem; }
.mark { background: #f0e442; border: 1px solid #222; padding: 0.4rem 0.7rem; }
.short { font-size: 1.05rem; }
figure { margin: 0.9rem 0; }
figcaption { color: #555; font-size: 0.9rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 0.25rem 0.9rem 0.25rem 0; border-bottom: 1px solid #e4e4e4; vertical-align: top;
  white-space: nowrap; }
.long { white-space: normal; min-width: 15rem; }
th { border-bottom: 1px solid #888; font-weight: 600; }
.number { text-align: right; }
img { display: block; max-width: 100%; min-width: 620px; height: auto; }
@media (max-width: 560px) { body { padding: 0.8rem; } h1 { font-size: 1.25rem; } }
@media print { img, tr { break-inside: avoid; } }
""".strip()
LONG = 44  # characters after which a cell may break
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; `strong` marks the summary."""

    text: str
    strong: bool = False


@dataclass(frozen=True)
class Items:
    """A list of short texts."""

    texts: tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    """A table: a caption, one heading per column, rows of texts; the columns from `numbers_from` on are numbers."""

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers_from: int = 1

    def __post_init__(self) -> None:
        if any(len(row) != len(self.headings) for row in self.rows):
            raise ValueError(f"A table of the report has {len(self.headings)} headings and rows of another length.")


@dataclass(frozen=True)
class Picture:
    """A figure with its alternative text."""

    png: bytes
    alt: str


Block = Paragraph | Items | Grid | Picture


@dataclass(frozen=True)
class Section:
    """A heading and the blocks under it."""

    heading: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """A title, a mark above everything else, and sections; the first may have no heading."""

    title: str
    mark: str | None
    sections: tuple[Section, ...]


def as_markdown_text(document: Document) -> str:
    """The document in Markdown (with tables), the figure as an inline image."""
    parts = [f"# {_md(document.title)}"]
    if document.mark:
        parts.append(f"> **{_md(document.mark)}**")
    for section in document.sections:
        parts += [f"## {_md(section.heading)}"] if section.heading else []
        parts += [_block_md(block) for block in section.blocks]
    return "\n\n".join(parts) + "\n"


def as_html(document: Document) -> str:
    """The document as one HTML file: own style, no script, nothing loaded from elsewhere."""
    mark = [f'<p class="mark"><strong>{_html(document.mark)}</strong></p>'] if document.mark else []
    body = [*mark, f"<h1>{_html(document.title)}</h1>"]
    for section in document.sections:
        body += ["<section>", *([f"<h2>{_html(section.heading)}</h2>"] if section.heading else [])]
        body += [line for block in section.blocks for line in _block_html(block)]
        body.append("</section>")
    head = [
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_html(document.title)}</title>",
        f"<style>\n{CSS}\n</style>",
    ]
    lines = ["<!DOCTYPE html>", '<html lang="en">', "<head>", *head, "</head>", "<body>", *body, "</body>", "</html>"]
    return "\n".join(lines) + "\n"


def _block_md(block: Block) -> str:
    if isinstance(block, Paragraph):
        return f"**{_md(block.text)}**" if block.strong else _md(block.text)
    if isinstance(block, Items):
        return "\n".join(f"- {_md(text)}" for text in block.texts)
    if isinstance(block, Picture):
        return as_markdown(block.png, _md(block.alt))
    n = len(block.headings)
    rules = ["---" if i < block.numbers_from else "---:" for i in range(n)]
    rows = [block.headings, rules, *block.rows]
    lines = ["| " + " | ".join(row if row is rules else map(_md, row)) + " |" for row in rows]
    return "\n".join([*([f"{_md(block.caption)}", ""] if block.caption else []), *lines])


def _block_html(block: Block) -> Iterator[str]:
    if isinstance(block, Paragraph):
        look = ' class="short"' if block.strong else ""
        yield f"<p{look}>{_html(block.text)}</p>"
    elif isinstance(block, Items):
        yield "<ul>"
        yield from (f"<li>{_html(text)}</li>" for text in block.texts)
        yield "</ul>"
    elif isinstance(block, Picture):
        data = base64.b64encode(block.png).decode("ascii")
        image = f'<img src="data:image/png;base64,{data}" alt="{_html(block.alt)}">'
        yield f'<figure><div class="wide">{image}</div></figure>'
    else:
        yield "<figure>"
        yield from ([f"<figcaption>{_html(block.caption)}</figcaption>"] if block.caption else [])
        yield '<div class="wide"><table>'
        yield f"<thead>{_row_html(block.headings, 'th', block.numbers_from)}</thead>"
        yield "<tbody>"
        yield from (_row_html(row, "td", block.numbers_from) for row in block.rows)
        yield "</tbody></table></div></figure>"


def _row_html(cells: Sequence[str], tag: str, numbers_from: int) -> str:
    looks = ["number" if i >= numbers_from else "long" if len(cell) > LONG else "" for i, cell in enumerate(cells)]
    scope = ' scope="col"' if tag == "th" else ""
    starts = [f'<{tag}{scope} class="{look}">' if look else f"<{tag}{scope}>" for look in looks]
    row = "".join(f"{start}{_html(cell)}</{tag}>" for start, cell in zip(starts, cells, strict=True))
    return f"<tr>{row}</tr>"


def _plain(text: str) -> str:
    """One line without control characters, which could end a table's row or hide text."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text).replace("\u00a0", " ")).split())


def _html(text: str) -> str:
    return html.escape(_plain(text), quote=True)


def _md(text: str) -> str:
    """Text escaped for Markdown; an underscore within a word has no meaning there."""
    escaped = re.sub(r"([\\`*\[\]|~])", r"\\\1", _plain(text))
    escaped = escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", escaped)
    return re.sub(r"^(#+(?=\s|$)|[-+](?=\s)|[-=]+$|\d+(?=[.)](?:\s|$)))", _escape_first, escaped)


def _escape_first(found: re.Match[str]) -> str:
    """Escaped start of a text that would begin a heading or a list; a number keeps its digits."""
    return found[0] + "\\" if found[0].isdigit() else "\\" + found[0]
