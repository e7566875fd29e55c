"""Every figure of the stages by name: tables in, PNG bytes out.

In scope: the list. Out of scope: the drawing (one file per stage in this folder); the release report's own figure
(release_figure): an edit of it would make every stage stale.
"""

from __future__ import annotations

from hnbc_assets.report.canvas import as_markdown, caption, empty
from hnbc_assets.report.comparisons import drug_boxplots, immune_boxplots
from hnbc_assets.report.genes import volcano
from hnbc_assets.report.signature import APPARENT, coefficients, forest, lasso_path
from hnbc_assets.report.survival import kaplan_meier

__all__ = [
    "APPARENT",
    "as_markdown",
    "caption",
    "coefficients",
    "drug_boxplots",
    "empty",
    "forest",
    "immune_boxplots",
    "kaplan_meier",
    "lasso_path",
    "volcano",
]
