"""stub."""

import click


@click.command()
def ui() -> None:
    """stub."""
