"""The sheet that every figure is drawn on: size, colours, heading, watermark, PNG.

In scope: what all figures share. Out of scope: what each of them shows (genes, signature, comparisons).

Colours are Okabe & Ito's, which stay apart under the common colour-vision deficiencies and in grey. matplotlib is
imported when a figure is drawn; its global state (pyplot, rcParams) is never touched, so threads may draw.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from hnbc_assets.report.wording import known
from hnbc_assets.vocabulary import RiskGroup

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HIGH, LOW = "#D55E00", "#0072B2"
GROUP_COLOURS = {RiskGroup.HIGH: HIGH, RiskGroup.LOW: LOW}
INK, FAINT = "#222222", "#9A9A9A"
DPI = 120
FOOT_LINE = 0.2  # inches
WIDEST_PIXELS = 980  # what the UI's dialog shows without horizontal scrolling


def sheet(width: float, height: float) -> Figure:
    """An empty figure, inches; the top 0.75 inch is left for the heading."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=min(DPI, WIDEST_PIXELS / width), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def axes(figure: Figure, left: float, bottom: float, right: float, top: float = 0.8) -> Axes:
    """Axes whose edges are the given distances in inches from the figure's edges."""
    width, height = figure.get_size_inches()
    area = (left / width, bottom / height, (width - left - right) / width, (height - bottom - top) / height)
    ax = figure.add_axes(area)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(FAINT)
    ax.tick_params(colors=INK, labelsize=9, color=FAINT)
    return ax


@dataclass(frozen=True)
class Panel:
    """Size of a panel and the margins around its axes, inches."""

    width: float
    height: float
    left: float
    bottom: float
    right: float
    top: float


def panels(n: int, panel: Panel, head: float, footnotes: Sequence[str]) -> tuple[Figure, list[Axes]]:
    """A figure with n panels in at most two columns, `head` inches above them and the footnotes below."""
    n_columns = min(n, 2)
    n_rows = -(-n // n_columns)
    below = _foot(footnotes, panel.width * n_columns)
    figure = sheet(panel.width * n_columns, head + panel.height * n_rows + below)
    made = []
    for i in range(n):
        row, column = divmod(i, n_columns)
        made.append(
            axes(
                figure,
                left=column * panel.width + panel.left,
                bottom=(n_rows - 1 - row) * panel.height + panel.bottom + below,
                right=(n_columns - 1 - column) * panel.width + panel.right,
                top=head + row * panel.height + panel.top,
            )
        )
    return figure, made


def finish(figure: Figure, title: str, caption: str, watermark: str | None, footnotes: Sequence[str] = ()) -> bytes:
    """Write heading, watermark and footnotes, and render to PNG."""
    width, height = figure.get_size_inches()
    figure.text(0.2 / width, 1 - 0.16 / height, title, va="top", fontsize=13, fontweight="bold", color=INK)
    figure.text(0.2 / width, 1 - 0.44 / height, caption, va="top", fontsize=9.5, color="#555555")
    for i, line in enumerate(reversed(_lines(footnotes, width))):
        figure.text(0.2 / width, (0.1 + FOOT_LINE * i) / height, line, va="bottom", fontsize=9, color="#555555")
    if watermark:
        size = min(110 * width / 8, 110 * height / 5.5)
        look: dict[str, Any] = {"ha": "center", "va": "center", "fontweight": "bold", "zorder": 10}
        figure.text(0.5, 0.48, watermark, fontsize=size * 0.62, color="#000000", alpha=0.07, rotation=24, **look)
        tag = {"boxstyle": "square,pad=0.3", "facecolor": "#F0E442", "edgecolor": INK, "linewidth": 0.8}
        look["ha"] = "right"
        figure.text(1 - 0.2 / width, 1 - 0.24 / height, watermark, fontsize=9, color=INK, bbox=tag, **look)
    target = io.BytesIO()
    figure.savefig(target, format="png", metadata={"Software": None})
    return target.getvalue()


def _foot(footnotes: Sequence[str], width: float) -> float:
    """Height of the footnotes of a figure of this width, inches."""
    return FOOT_LINE * len(_lines(footnotes, width)) + 0.1 if footnotes else 0.0


def _lines(footnotes: Sequence[str], width: float) -> list[str]:
    return [line for note in footnotes for line in wrapped(note, width)]


def wrapped(text: str, width: float) -> list[str]:
    """A text broken into lines that fit a figure of this width (inches), in the size of captions."""
    import textwrap

    return textwrap.wrap(text, max(int((width - 0.4) * 14.5), 20), break_long_words=False, break_on_hyphens=False)


def empty(
    title: str, why: str, caption: str = "", watermark: str | None = None, footnotes: Sequence[str] = ()
) -> bytes:
    """A figure that says why there is nothing to draw."""
    below = _foot(footnotes, 8)
    figure = sheet(8, 3 + below)
    place = {"ha": "center", "va": "center", "fontsize": 12, "color": "#555555"}
    figure.text(0.5, (1.26 + below) / (3 + below), _wrapped(why), **place)
    return finish(figure, title, caption, watermark, footnotes)


def as_markdown(png: bytes, alt: str = "figure") -> str:
    """The figure as an inline Markdown image, for asset metadata."""
    return f"![{alt}](data:image/png;base64,{base64.b64encode(png).decode('ascii')})"


def caption(
    cohort: str | None = None,
    *,
    endpoint: str | None = None,
    n_patients: int | None = None,
    n_events: int | None = None,
) -> str:
    """One line about the data: "gse25065 · DRFS · 150 patients, 31 events"."""
    counts = [
        f"{n:,} {word if n != 1 else word[:-1]}"
        for n, word in ((n_patients, "patients"), (n_events, "events"))
        if known(n)
    ]
    parts = [cohort, endpoint.upper() if endpoint else None, ", ".join(counts)]
    return " · ".join(part for part in parts if part)


def only(frame: pd.DataFrame, column: str) -> str | None:
    """The one value of a column, if there is just one."""
    values = frame[column].dropna().unique() if column in frame else []
    return str(values[0]) if len(values) == 1 else None


def of_cohort(frame: pd.DataFrame, cohort: str | None) -> pd.DataFrame:
    """The rows of one cohort, if the frame names cohorts and a cohort is given."""
    return frame[frame["cohort_id"] == cohort] if cohort is not None and "cohort_id" in frame else frame


def not_drawn(reasons: Mapping[str, str]) -> list[str]:
    """Footnotes that name the cohorts without a panel, one per reason; `reasons` is by cohort."""
    cohorts: dict[str, list[str]] = {}
    for name, why in reasons.items():
        cohorts.setdefault(why, []).append(name)
    return [f"not drawn: {', '.join(names)} ({why})" for why, names in cohorts.items()]


def small(p: float) -> str:
    """A p value or false-discovery rate in a column of numbers."""
    return "–" if not known(p) else "<0.001" if p < 0.001 else f"{p:.3f}"


def shortened(name: object, length: int = 34) -> str:
    """A name that fits next to an axis."""
    text = str(name)
    return text if len(text) <= length else text[: length - 1].rstrip(" _-") + "…"


def _wrapped(text: str, width: int = 62) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, width))
