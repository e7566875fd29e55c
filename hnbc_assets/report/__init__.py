"""Report: what people look at. Figures and the printed headline, from published tables.

Belongs here: drawing and wording. Does not: statistics (science), files, dagster.
"""
