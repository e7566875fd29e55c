"""A headline that says what it was given."""

WIDTH = 116


def headline(tables, width=WIDTH):
    """One line."""
    return "HEADLINE of " + ", ".join(sorted(tables))
