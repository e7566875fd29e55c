"""stub."""

import click


@click.command()
def sql() -> None:
    """stub."""
