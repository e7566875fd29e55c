"""The report of a release: what it brought, and what that changed.

In scope: its sections, its figure, its renderings. Out of scope: comparing anything (science), where a report is kept
(defs).
"""
