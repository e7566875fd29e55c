"""The entry point of `hnbc`: a signal that arrives while its modules are loaded ends it with a one-line message.

In scope: what must be in place before anything else is imported. Out of scope: the commands (cli).
"""

from __future__ import annotations

import gc
import signal

from hnbc_assets.commands.leaving import SIGNALS, leave_at_once

# Loading makes many objects and no garbage: looking for it after every 700, as Python does, takes a quarter of a start.
GARBAGE_AFTER = 20_000


def main() -> None:
    """Run `hnbc`."""
    gc.set_threshold(GARBAGE_AFTER)
    before = {number: signal.signal(number, leave_at_once) for number in SIGNALS}
    from hnbc_assets.cli import main as run_command

    for number, handler in before.items():
        signal.signal(number, handler)
    run_command()
