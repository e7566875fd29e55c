"""The command line: `hnbc`.

In scope: the group of commands, and what all commands share: how errors and signals end them. Out of scope:
what a command does (commands/).
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path

import click

from hnbc_assets.commands import full_disk
from hnbc_assets.errors import HnbcError
from hnbc_assets.redaction import redacted_text

MODULES = {
    "run": "run",
    "refresh": "refresh",
    "ui": "ui",
    "sql": "sql",
    "status": "status",
    "doctor": "doctor",
    "simulate-release": "simulate",
}
EPILOG = """
\b
Environment:
  HNBC_UPSTREAM   simulated (default), live, or the base address of a mirror
  HNBC_STUDY      a study file; the packaged study by default
  HNBC_DATA_LAKE  the folder of the data lake; data_lake/ in this folder by default

\b
Exit status:
  0  nothing of the following
  1  an asset or a blocking check failed for another reason than those
     below, the database lacks a stage, or archived files are damaged
  2  the command or the study is wrong, or another command is making assets
  3  an upstream was not reached, or refuses or damages what is needed;
     hnbc doctor: something would fail
  4  a gate holds a release
  130, 143  stopped by Ctrl-C, SIGTERM
  If several apply, the first of 1, 2, 4, 3 counts.
"""


class Commands(Mapping[str, click.Command]):
    """The commands by name; the module of one is imported when the command is used."""

    def __getitem__(self, name: str) -> click.Command:
        return getattr(import_module(f"hnbc_assets.commands.{MODULES[name]}"), name.replace("-", "_"))

    def __iter__(self) -> Iterator[str]:
        return iter(MODULES)

    def __len__(self) -> int:
        return len(MODULES)


@click.group(
    commands=Commands(),  # type: ignore[arg-type] - none is added later
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=EPILOG,
    subcommand_metavar="COMMAND …",
)
@click.version_option(package_name="hnbc_assets", prog_name="hnbc", message="%(prog)s %(version)s")
def hnbc() -> None:
    """A living study of anoikis genes, chemotherapy resistance and prognosis in HER2-negative breast cancer.

    `hnbc run` makes every result and publishes the database, `hnbc refresh` keeps it current, `hnbc sql` queries it,
    `hnbc ui` shows it in Dagster's UI.
    """


def main() -> None:
    """Run `hnbc`, and end with the corresponding exit status."""
    sys.exit(_status())


def _status() -> int:
    full_disk.begin()
    try:
        return hnbc.main(prog_name="hnbc", standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except HnbcError as error:
        click.echo(f"hnbc: {error}", err=True)
        return error.exit_status
    except (click.Abort, KeyboardInterrupt):
        return 128 + signal.SIGINT
    except BrokenPipeError:  # the reader of a pipe has closed it
        sys.stderr.close()
        return 128 + signal.SIGPIPE
    except Exception as error:
        if full_disk.message(error):
            message = full_disk.once()
        else:
            message = redacted_text(f"{type(error).__name__}: {error}\nUnexpected error; {_keep()}")
        if message:
            click.echo(f"hnbc: {message}", err=True)
        return 1


def _keep() -> str:
    """Save the traceback of an error for a developer; returns where it is."""
    logs = Path(os.environ.get("DAGSTER_HOME", "")) / "hnbc_logs"
    if not os.environ.get("DAGSTER_HOME") or not logs.is_dir():
        return f"traceback:\n{traceback.format_exc()}"
    kept = logs / "errors.log"
    with kept.open("a", encoding="utf-8") as file:
        file.write(redacted_text(f"{' '.join(sys.argv)}\n{traceback.format_exc()}\n"))
    return f"traceback in {kept}"
