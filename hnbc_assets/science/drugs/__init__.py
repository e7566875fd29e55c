"""Drugs: predicted sensitivity of patients, from models of cell lines, and how it differs with the risk score.

In scope: arranging a drug screen, homogenising lines with patients, ridge models, comparison by risk group.
Out of scope: reading the screen's files (sources), the rank test itself (science/group_comparison).
"""
