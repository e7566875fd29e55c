"""The lake: where files are stored between runs, and how each is written whole.

In scope: paths, atomic writing, provenance, check outcomes, the IO manager, lineage and the published database.
Out of scope: what a table means (tables), how a number is computed (science), when an asset runs (defs).
"""
