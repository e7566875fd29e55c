"""The entry point of `hnbc`: a signal that arrives while its modules are loaded ends it with a one-line message.

In scope: what must be in place before anything else is imported. Out of scope: the commands (cli).
"""

from __future__ import annotations

import signal

from hnbc_assets.commands.leaving import SIGNALS, leave_at_once


def main() -> None:
    """Run `hnbc`."""
    before = {number: signal.signal(number, leave_at_once) for number in SIGNALS}
    from hnbc_assets.cli import main as run_command

    for number, handler in before.items():
        signal.signal(number, handler)
    run_command()
