"""GDSC: drug response and expression of cell lines.

In scope: what is peculiar to GDSC. Out of scope: models of drugs (science/drugs).
"""
