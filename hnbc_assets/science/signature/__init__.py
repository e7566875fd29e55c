"""Signature: from candidate genes to a frozen set of coefficients, its scores and what they are worth.

Belongs here: Cox models, LASSO, scoring, survival curves, figures of merit. Does not: which cohort plays which part
(study, defs), resampling of the whole procedure and its nulls (science/validity), table definitions (tables).
"""
