"""Redaction: addresses without their possible secrets, for messages, logs and stored records.

In scope: which parts of an address may be shown. Out of scope: requests with the secrets (sources/web/http.py).
"""

from __future__ import annotations

import re
from urllib.parse import unquote

HIDDEN = "***"
# Query parameters with values that are never secret. The value of any other may be.
PLAIN = frozenset({
    "acc", "expand", "facets", "fields", "file", "filename", "filetype", "filters", "form", "format", "from",
    "genesetname", "id", "name", "pretty", "release", "size", "sort", "species", "study", "targ", "type", "version",
    "view",
})  # fmt: skip
_ADDRESS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)(?P<rest>[^\s\"'<>`]+)", re.IGNORECASE)
_WITH_PORT = re.compile(r"(\[[0-9a-fA-F:.]*\]|[^:\[\]]*)(:\d*)?")
_TRAILING = ".,;:!)]}"  # what ends a sentence or a bracket after an address, rather than the address
_SHORTEST_SECRET = 4


def redacted(address: str) -> str:
    """An address without user, password, fragment, and the values of its query that may be secret.

    `https://ada:pw@host.org/sets.gmt?version=7&token=abc` is `https://host.org/sets.gmt?version=7&token=***`.
    """
    scheme, separator, rest = address.partition("://")
    if not separator:
        return address
    rest = _without_user(rest).partition("#")[0]
    path, mark, query = rest.partition("?")
    return f"{scheme}://{path}" + (f"?{'&'.join(map(_shown, query.split('&')))}" if mark else "")


def redacted_text(text: str) -> str:
    """A text whose addresses are `redacted`."""

    def replace(found: re.Match[str]) -> str:
        rest = found["rest"].rstrip(_TRAILING)
        return redacted(found["scheme"] + rest) + found["rest"][len(rest) :]

    return _ADDRESS.sub(replace, text)


def without_secrets_of(address: str, text: str) -> str:
    """A host's answer without the secrets of the requested address: a host may repeat them."""
    for secret in sorted(_secrets(address), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def _without_user(rest: str) -> str:
    """What follows `://`, without user and password."""
    end = min((place for place in map(rest.find, "/?#") if place >= 0), default=len(rest))
    authority = rest[:end].rpartition("@")[2]
    if not _WITH_PORT.fullmatch(authority) and "@" in rest[end:]:  # a password with a slash in it
        return rest.rpartition("@")[2]
    return authority + rest[end:]


def _shown(part: str) -> str:
    name, given, value = part.partition("=")
    if not given:
        return HIDDEN if name else ""
    return part if not value or name.lower() in PLAIN else f"{name}={HIDDEN}"


def _secrets(address: str) -> set[str]:
    """User name, password and hidden values of an address, as written and as decoded."""
    rest = address.partition("://")[2]
    shown = _without_user(rest)
    user = rest[: len(rest) - len(shown)].rstrip("@")
    query = shown.partition("#")[0].partition("?")[2].split("&")
    hidden = [part.partition("=")[2] or part for part in query if part != _shown(part)]
    found = {user, *user.split(":", 1), *hidden}
    return {word for one in found for word in (one, unquote(one)) if len(word) >= _SHORTEST_SECRET}
