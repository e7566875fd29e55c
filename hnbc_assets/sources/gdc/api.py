"""Queries to GDC: releases, the fields it has, pages of hits.

In scope: GDC's query language and the shape of its replies. Out of scope: which files and fields the project uses
(files.py), the content of records (clinical.py).

GDC changes: fields were renamed three times in 18 months, and an unknown field is answered with HTTP 200 and a warning.
So fields are compared with what `_mapping` lists before they are requested, and any warning stops the ingest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from hnbc_assets.errors import FieldVanished, UpstreamChanged
from hnbc_assets.sources.web.answers import address as whole_address
from hnbc_assets.sources.web.http import Client, Reply

Filter = dict[str, Any]
LONGEST_ADDRESS = 4000  # characters; GDC answers 414 to addresses that are too long


def addresses(client: Client, path: str) -> tuple[str, ...]:
    """The addresses of a path of the API ("status", "data/ID"), in the order to try."""
    return tuple(f"{root}/{path}" for root in client.addresses.of("gdc.api"))


def address(client: Client, path: str) -> str:
    """The first address of a path: that of the API itself."""
    return addresses(client, path)[0]


def release(client: Client) -> str:
    """The data release that GDC serves now, as "45.0".

    Raises
    ------
    UpstreamChanged
        The status reply names no release.
    """
    url = address(client, "status")
    return read_release(client.get_json(url), url)


def read_release(status: Any, url: str) -> str:
    """The data release that a status reply names (errors as `release`)."""
    text = str(status.get("data_release", "")) if isinstance(status, dict) else ""
    match = re.search(r"Data Release (\d+(?:\.\d+)+)", text)
    if match is None:
        raise UpstreamChanged(f"{url}: 'data_release' is {text!r}, which names no release like '45.0'.")
    return match[1]


def known_fields(client: Client, endpoint: str) -> frozenset[str]:
    """The fields that an endpoint ("files", "cases") lists in its `_mapping`."""
    url = address(client, f"{endpoint}/_mapping")
    return read_fields(client.get_json(url), url)


def read_fields(mapping: Any, url: str) -> frozenset[str]:
    """The fields that a `_mapping` reply lists.

    Raises
    ------
    UpstreamChanged
        It lists none.
    """
    fields = mapping.get("fields") if isinstance(mapping, dict) else None
    if not fields:
        raise UpstreamChanged(f"{url}: lists no 'fields'.")
    return frozenset(fields)


def choose_fields(
    endpoint: str,
    known: frozenset[str],
    required: Iterable[Sequence[str]],
    optional: Iterable[str],
    *,
    indispensable: Collection[str] | None = None,
    accept_lost: bool = False,
) -> list[str]:
    """The fields to request: all spellings of each required field that GDC has, and the optional fields that it has.

    Parameters
    ----------
    required : groups of alternatives ("demographic.gender" or "demographic.sex_at_birth"), GDC must have one of each
    optional : fields whose absence is not an error
    indispensable : required fields without which nothing works; by default all
    accept_lost : leave out the other required fields if they are missing

    Raises
    ------
    UpstreamChanged
        GDC has none of an indispensable field's spellings any more; names the field.
    FieldVanished
        The same for other required fields, naming all, unless that is accepted.
    """
    chosen: dict[str, None] = {}
    lost: list[Sequence[str]] = []
    for alternatives in required:
        found = [field for field in alternatives if field in known]
        if not found:
            lost.append(alternatives)
        chosen |= dict.fromkeys(found)
    fatal = [names for names in lost if indispensable is None or set(names) & set(indispensable)]
    if lost and (fatal or not accept_lost):
        named = ", ".join(" or ".join(map(repr, alternatives)) for alternatives in fatal or lost)
        message = (
            f"GDC /{endpoint} no longer has the field {named} "
            f"(its /{endpoint}/_mapping does not list it). Look up its new name and add it in sources/gdc/files.py."
        )
        raise UpstreamChanged(message) if fatal else FieldVanished(message, tuple(names[0] for names in lost))
    return list(chosen | dict.fromkeys(field for field in optional if field in known))


def equals(field: str, value: str | Sequence[str]) -> Filter:
    """A condition: the field has the value, or one of the values."""
    return {"op": "=" if isinstance(value, str) else "in", "content": {"field": field, "value": value}}


def all_of(*conditions: Filter) -> Filter:
    """A condition: all of these."""
    return {"op": "and", "content": list(conditions)}


def query(filters: Filter, fields: Iterable[str]) -> dict[str, str]:
    """The parameters of a search that all of its pages share."""
    return {"filters": json.dumps(filters, separators=(",", ":")), "fields": ",".join(fields), "format": "JSON"}


def search(
    client: Client,
    endpoint: str,
    filters: Filter,
    fields: Sequence[str],
    *,
    sort: str,
    page_size: int = 1000,
    limit: int | None = None,
) -> list[Reply]:
    """All pages of a search (or those with the first `limit` hits), as GDC sent them.

    Raises
    ------
    UpstreamChanged
        GDC warned about a field, a page does not have the known structure, or the pages do not add up to the total.
    """
    page_size = page_size if limit is None else min(page_size, limit)
    url, pages, ids = address(client, endpoint), [], set()
    while True:
        size = page_size if limit is None else min(page_size, limit - len(ids))
        params = query(filters, fields) | {"sort": f"{sort}:asc", "size": str(size), "from": str(len(ids))}
        reply = _ask(client, url, params, filters)
        hits, total = read_page(reply.value, url)
        pages.append(reply)
        before = len(ids)
        ids |= {hit.get("id") or hit.get(f"{endpoint[:-1]}_id") for hit in hits}
        wanted = total if limit is None else min(total, limit)
        if len(ids) - before != len(hits) or (not hits and len(ids) < wanted):
            raise UpstreamChanged(
                f"{url}: pages repeat or miss hits ({len(ids)} of {total}); GDC may be changing now. Run again later."
            )
        if len(ids) >= wanted:
            return pages


def _ask(client: Client, url: str, params: dict[str, str], filters: Filter) -> Reply:
    """One page: by GET, or by POST of the same parameters if they make the address too long.

    The reply's address has all parameters either way, because they are read from it later.
    """
    whole = whole_address(url, params)
    if len(whole) <= LONGEST_ADDRESS:
        return client.ask(url, params=params)
    return replace(client.ask(url, body=params | {"filters": filters}), url=whole)


def read_page(value: Any, url: str) -> tuple[list[dict[str, Any]], int]:
    """The hits of one page, and the number of hits of the whole search.

    Raises
    ------
    UpstreamChanged
        The page has warnings, or does not have the known structure.
    """
    if isinstance(value, dict) and value.get("warnings"):
        warnings = "; ".join(f"{key}: {text}" for key, text in value["warnings"].items())
        raise UpstreamChanged(
            f"{url}: GDC warns about the request ({warnings}). Look up the fields' new names and add them in "
            "sources/gdc/files.py."
        )
    try:
        return value["data"]["hits"], int(value["data"]["pagination"]["total"])
    except (KeyError, TypeError, ValueError) as error:
        raise UpstreamChanged(f"{url}: the reply has no data.hits and data.pagination.total.") from error
