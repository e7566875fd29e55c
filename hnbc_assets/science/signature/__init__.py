"""Signature: from candidate genes to a frozen set of coefficients, its scores and what they are worth.

In scope: Cox models, LASSO, scoring, survival curves, figures of merit. Out of scope: which cohort plays which part
(study, defs), resampling of the whole procedure and its nulls (science/validity), table definitions (tables).
"""
