"""Report: what people look at. Figures and the printed headline, from published tables.

In scope: drawing and wording. Out of scope: statistics (science), files, dagster.
"""
