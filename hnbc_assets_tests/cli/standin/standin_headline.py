"""A headline that says what it was given."""


def headline(tables):
    """One line."""
    return "HEADLINE of " + ", ".join(sorted(tables))
