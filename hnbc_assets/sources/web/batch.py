"""A batch of downloads: several at the same time, all tried, and one error that names what could not be fetched.

In scope: threads, progress, giving up if the upstream is unreachable. Out of scope: a single download (download.py),
which files are missing and how they are recorded (archive).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from hnbc_assets.errors import DownloadsIncomplete, HnbcError, UpstreamUnreachable
from hnbc_assets.sources.archive.manifest import Row
from hnbc_assets.sources.web.download import Interrupted, Landed, Wanted, download
from hnbc_assets.sources.web.http import Client
from hnbc_assets.sources.web.progress import Progress

UNREACHABLE_IN_A_ROW = 8


@dataclass(frozen=True)
class Batch:
    """Files to download, their targets, and what is called for each.

    Attributes
    ----------
    title : a name for the files, for the error
    targets : the place of each file
    landed : records a file that is in place, called in the thread that downloaded it; returns its row
    workers : downloads at the same time
    """

    client: Client
    title: str
    targets: Mapping[Wanted, Path]
    landed: Callable[[Wanted, Landed], Row]
    progress: Progress
    workers: int


# Downloads the files of a batch to their targets, as `download_all` does; returns their rows by file id.
Downloader = Callable[[Batch], dict[str, Row]]


def download_all(batch: Batch) -> dict[str, Row]:
    """Download each file of a batch from its own address; rows by file id.

    Raises
    ------
    DownloadsIncomplete
        Some could not be fetched. All were tried, unless the upstream was unreachable for many in a row.
    """
    client, targets, progress = batch.client, batch.targets, batch.progress
    stop = threading.Event()
    out_of_reach: list[str] = []

    def one(wanted: Wanted) -> Row:
        if stop.is_set():
            raise Interrupted(wanted.file_id)
        try:
            got = download(client, wanted, targets[wanted], advance=lambda n: progress.advance(bytes=n), stop=stop)
        except UpstreamUnreachable:
            out_of_reach.append(wanted.file_id)
            if len(out_of_reach) >= UNREACHABLE_IN_A_ROW:
                stop.set()
            raise
        out_of_reach.clear()
        return batch.landed(wanted, got)

    sizes = [wanted.size_bytes for wanted in targets]
    progress.start(len(targets), None if None in sizes else sum(size for size in sizes if size is not None))
    rows: dict[str, Row] = {}
    failures: dict[str, Exception] = {}
    with ThreadPoolExecutor(batch.workers, thread_name_prefix="download") as pool:
        try:  # from the first download on: Ctrl-C may arrive while the others are being submitted
            futures: dict[Future[Row], Wanted] = {pool.submit(one, wanted): wanted for wanted in targets}
            for future in as_completed(futures):
                try:
                    row = future.result()
                except (HnbcError, Interrupted) as error:
                    failures[futures[future].file_id] = error
                else:
                    rows[row["file_id"]] = row
                    progress.advance(files=1)
        except BaseException:
            stop.set()
            client.interrupt()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        finally:
            progress.done()
    if failures:
        in_order = {one.file_id: failures[one.file_id] for one in targets if one.file_id in failures}
        raise DownloadsIncomplete(summary(batch.title, in_order, len(targets)), in_order)
    return rows


def summary(title: str, failures: Mapping[str, Exception], n_missing: int) -> str:
    """What failed and why, with the first few names, and what to do."""
    causes = [str(error) for error in failures.values() if not isinstance(error, Interrupted)]
    untried = len(failures) - len(causes)
    text = f"{title}: {len(failures)} of {n_missing} files could not be fetched, the others are kept. "
    text += " ".join(causes[:3]) + (f" (and {len(causes) - 3} more)" if len(causes) > 3 else "")
    text += f" {untried} were not tried, because the upstream was unreachable." if untried else ""
    return text + " Run again: only the missing files are fetched."
