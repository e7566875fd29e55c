"""Code versions: which code decides an asset's result, computed from the syntax trees of what its function reaches.

In scope: the closure of a function over the package, its digest, an asset's version. Out of scope: when an asset is
stale (lake/plan.py).
"""
