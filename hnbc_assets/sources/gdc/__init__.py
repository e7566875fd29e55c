"""GDC: release, index, clinical records, STAR counts and mutations of a project.

In scope: what is peculiar to the GDC. Out of scope: what a value means (science/cohorts).
"""
