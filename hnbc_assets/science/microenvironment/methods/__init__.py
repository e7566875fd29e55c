"""Methods of immune infiltration: each module of this folder declares one as `METHOD`.

In scope: finding them, their labels. Out of scope: what a declaration says (method.py).
"""

from __future__ import annotations

from hnbc_assets.discovery import declared_in
from hnbc_assets.science.microenvironment.method import Method

METHODS: dict[str, Method] = {
    one.name: one for one in sorted(declared_in(__name__, "METHOD"), key=lambda method: (method.order, method.name))
}
"""Methods by name, in the order in which they are run."""


def label_of(name: str) -> str:
    """A published method's label; the name itself for one that this version does not have."""
    return METHODS[name].label if name in METHODS else name
