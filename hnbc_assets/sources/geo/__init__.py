"""GEO: series matrices and annotations of platforms.

In scope: what is peculiar to GEO. Out of scope: what a characteristic means (science/cohorts).
"""
