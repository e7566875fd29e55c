"""Drugs: predicted sensitivity of patients, learnt on cell lines, and how it differs with the risk score.

Belongs here: arranging a drug screen, homogenising lines with patients, ridge models, comparison by risk group.
Does not: reading the screen's files (sources), the rank test itself (science/group_comparison).
"""
