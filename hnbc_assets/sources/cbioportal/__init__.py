"""cBioPortal: the files of a study in its hub.

In scope: what is peculiar to cBioPortal. Out of scope: what a column means (science/cohorts).
"""
