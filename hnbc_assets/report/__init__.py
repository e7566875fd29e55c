"""Report: output for people. Figures, the printed headline and reports of releases, from published tables.

In scope: drawing and wording. Out of scope: statistics (science), files, dagster.
"""
