"""The lake: where bytes live between one run and the next, and how they get there whole.

Belongs here: paths, atomic writing, provenance, check outcomes, the IO manager, lineage and the published database.
Does not: what a table means (tables), how a number is computed (science), when an asset runs (defs).
"""
