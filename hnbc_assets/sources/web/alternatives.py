"""Alternatives: several addresses of the same file, tried in order until one answers.

In scope: trying the next address, and one error for all of them. Out of scope: requests to an address (http.py,
download.py), which addresses there are (addresses.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from hnbc_assets.errors import DamagedDownload, HnbcError, UpstreamRefused, UpstreamUnreachable

Answer = TypeVar("Answer")


def first_of(urls: Iterable[str], ask: Callable[[str], Answer], what: str) -> Answer:
    """The answer of the first address that has one.

    Parameters
    ----------
    ask : queries one address; its errors of the kinds below lead to the next address
    what : the file, for the error

    Raises
    ------
    UpstreamUnreachable, DamagedDownload, UpstreamRefused
        No address answered. The error is of the most temporary kind among them, in this order, and quotes every
        address; with a single address it is that address's own error.
    """
    failed: list[HnbcError] = []
    for url in urls:
        try:
            return ask(url)
        except (UpstreamRefused, UpstreamUnreachable, DamagedDownload) as error:
            failed.append(error)
    if len(failed) == 1:
        raise failed[0]
    likeliest = min(failed, key=lambda error: (isinstance(error, UpstreamRefused), isinstance(error, DamagedDownload)))
    message = f"None of its {len(failed)} addresses gave {what}: " + " ".join(map(str, failed))
    raise type(likeliest)(message) from likeliest
