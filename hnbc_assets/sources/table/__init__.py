"""Table: a cohort in a user's own two tables, expression and clinical records.

In scope: what is peculiar to tables that people write. Out of scope: what a clinical column means
(science/cohorts).
"""
