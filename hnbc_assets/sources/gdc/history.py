"""GDC's record of files that its index no longer has: which id replaced them, and since when.

In scope: querying it, and reading the archived answers. Out of scope: the index (index.py), what a release changed
(release_changes.py).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

import pandas as pd

from hnbc_assets.errors import UpstreamChanged
from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.gdc.api import address
from hnbc_assets.sources.gdc.shape import read_reply
from hnbc_assets.sources.listing import InHand
from hnbc_assets.sources.web.http import Client

IDS_A_REQUEST = 500
UNDER_INDEX = re.compile(r".+/index(?:_first_\d+)?/[^/]+")
ANSWERS = re.compile(r".+/index(?:_first_\d+)?/(versions|history)-[^/]+")


def superseded(
    client: Client, archive: Archive, version: str, folder: str, previous: pd.DataFrame, present: Collection[str]
) -> list[InHand]:
    """GDC's answers about the files of `previous` that are not among `present` any more.

    The requests are POST /files/versions, and GET /history/{id} for those that another id has replaced. If `previous`
    is of this same release, its own answers are used again: nothing is requested.

    Parameters
    ----------
    version, folder : the release and the folder under which the answers are stored, next to the index's pages
    previous : manifest rows of one fetch of the same project
    present : file ids in the index now

    Raises
    ------
    UpstreamChanged
        An answer does not have the known structure.
    """
    if set(previous["release"]) == {version}:
        return _again(archive, previous)
    files = [file_id for file_id in map(str, previous["file_id"]) if not UNDER_INDEX.fullmatch(file_id)]
    gone = sorted(set(files) - set(present))
    answers = []
    for number, start in enumerate(range(0, len(gone), IDS_A_REQUEST)):
        reply = client.ask(address(client, "files/versions"), body={"ids": gone[start : start + IDS_A_REQUEST]})
        name = f"{folder}/versions-{number:04}"
        answers.append(InHand(version, name, reply.url, f"{name}.json", reply.content))
        for old in sorted(_replaced(reply.value, reply.url)):
            history = client.ask(address(client, f"history/{old}"))
            name = f"{folder}/history-{old}"
            answers.append(InHand(version, name, history.url, f"{name}.json", history.content))
    return answers


def read_superseded(archive: Archive, manifest: pd.DataFrame) -> dict[str, str]:
    """From the archived answers: the id of each missing file, and the id that has replaced it."""
    found: dict[str, str] = {}
    for row in manifest.to_dict("records"):
        if (match := ANSWERS.fullmatch(str(row["file_id"]))) and match[1] == "versions":
            path = archive.locate(row)
            found |= _replaced(read_reply(path), path.name)
    return found


def _again(archive: Archive, previous: pd.DataFrame) -> list[InHand]:
    answers = []
    for row in previous.to_dict("records"):
        name = str(row["file_id"])
        if ANSWERS.fullmatch(name) and archive.holds(row):
            content = archive.locate(row).read_bytes()
            answers.append(InHand(str(row["release"]), name, str(row["url"]), f"{name}.json", content))
    return answers


def _replaced(value: Any, url: str) -> dict[str, str]:
    """Old to new id of the records of files that another id has replaced."""
    if not isinstance(value, Sequence) or not all(isinstance(one, dict) and "id" in one for one in value):
        raise UpstreamChanged(f"{url}: the reply is not a list of records with an 'id'.")
    return {str(one["id"]): str(one["latest_id"]) for one in value if one.get("latest_id") not in (None, one["id"])}
