"""Signature: from candidate genes to a frozen set of coefficients, its scores and their performance.

In scope: Cox models, LASSO, scoring, survival curves, figures of merit. Out of scope: which cohort has which role
(study, defs), resampling of the whole procedure (not implemented), table definitions (tables).
"""
