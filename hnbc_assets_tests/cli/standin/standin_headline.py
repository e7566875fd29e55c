"""A headline that names the tables it was given."""

WIDTH = 116


def headline(tables, width=WIDTH):
    """One line."""
    return "HEADLINE of " + ", ".join(sorted(tables))
