"""The simulated cBioPortal hub: its study as a tar, as files of a git repository, and as LFS objects.

In scope: pointers, the tar and its order, the batch API, the portal's record, the retired address. Out of scope:
the content of the files (cbioportal_files).
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from collections.abc import Mapping
from typing import Any

from hnbc_assets.sources.simulated.answers import Answer, as_json, blob, not_found
from hnbc_assets.sources.simulated.bodies import Bodies
from hnbc_assets.sources.simulated.cbioportal_files import STUDY, CbioportalFiles
from hnbc_assets.sources.simulated.delimited import gzipped

RETIRED = "cbioportal-datahub.s3.amazonaws.com"
TARS = "datahub.assets.cbioportal.org"
PORTAL = "www.cbioportal.org"
REPOSITORY = "raw.githubusercontent.com/cBioPortal/datahub/master"
BATCH = "nsssw8k94d.execute-api.us-east-1.amazonaws.com"
OBJECTS = "lfs-objects.simulated.invalid"
HOSTS = frozenset({RETIRED, TARS, PORTAL, BATCH, OBJECTS})
LFSCONFIG = f"[lfs]\n\turl = https://{BATCH}/\n\tfetchexclude = *\n\tlocksverify = false\n"
GITATTRIBUTES = "data*.txt filter=lfs diff=lfs merge=lfs -text\n"
DENIED = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
)
TEXT = {"Content-Type": "text/plain; charset=utf-8"}


class CbioportalHub:
    """Answers of the hub's hosts; `bodies` renders and caches what they serve."""

    def __init__(self, files: CbioportalFiles, bodies: Bodies) -> None:
        self._files, self._bodies = files, bodies
        self._names = {name: f"cbioportal/{STUDY}/{name}" for name in files.renderers()}
        for name, render in files.renderers().items():
            bodies.add(self._names[name], render)
        self._tar = f"{TARS}/{STUDY}.tar.gz"
        bodies.add(self._tar, self.tar)
        self._pointers: dict[str, tuple[str, int]] = {}

    def answer(self, host: str, path: str, query: Mapping[str, Any], headers: Mapping[str, str]) -> Answer:
        """The answer of `https://host/path`, for one of HOSTS or the repository."""
        path = path.strip("/")
        if host == RETIRED:
            return Answer(403, {"Content-Type": "application/xml"}, DENIED.encode())
        if host == TARS and path == "study_list.json":
            return as_json([STUDY])
        if host == TARS and path == f"{STUDY}.tar.gz":
            body = self._bodies.get(self._tar)
            given = blob(body, dict(headers))
            etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
            return Answer(given.status, given.headers | {"ETag": etag}, given.body)
        if host == PORTAL and path == f"api/studies/{STUDY}":
            return as_json(self._files.study())
        if host == BATCH and path == "objects/batch":
            return self._batch(query)
        if host == OBJECTS:
            name = self._objects().get(path)
            return blob(self._bodies.get(self._names[name]), dict(headers)) if name else not_found()
        return self._in_repository(f"{host}/{path}")

    def pointer(self, name: str) -> tuple[str, int]:
        """(sha256, size) of a file."""
        if name not in self._pointers:
            body = self._bodies.get(self._names[name])
            self._pointers[name] = (hashlib.sha256(body).hexdigest(), len(body))
        return self._pointers[name]

    def tar(self) -> bytes:
        """The packed study: folders are also members, in an arbitrary order, as listed by a file system."""
        names = {*self._names, *(name.rpartition("/")[0] for name in self._names if "/" in name)}

        def place(name: str) -> list[str]:
            return [hashlib.md5(part.encode(), usedforsecurity=False).hexdigest() for part in name.split("/")]

        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for name in ["", *sorted(names, key=place)]:
                body = self._bodies.get(self._names[name]) if name in self._names else b""
                member = tarfile.TarInfo(f"{STUDY}/{name}".rstrip("/"))
                member.type = tarfile.REGTYPE if name in self._names else tarfile.DIRTYPE
                member.mode, member.size = 0o644 if name in self._names else 0o755, len(body)
                tar.addfile(member, io.BytesIO(body))
        return gzipped(packed.getvalue())

    def _in_repository(self, place: str) -> Answer:
        if place in (f"{REPOSITORY}/.lfsconfig", f"{REPOSITORY}/.gitattributes"):
            return Answer(200, TEXT, (LFSCONFIG if place.endswith("lfsconfig") else GITATTRIBUTES).encode())
        name = place.removeprefix(f"{REPOSITORY}/public/{STUDY}/")
        if name not in self._names:
            return Answer(404, TEXT, b"404: Not Found")
        if not _in_lfs(name):
            return Answer(200, TEXT, self._bodies.get(self._names[name]))
        sha256, size = self.pointer(name)
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"
        return Answer(200, TEXT, pointer.encode())

    def _objects(self) -> dict[str, str]:
        """Every LFS object by its sha256."""
        return {self.pointer(name)[0]: name for name in self._names if _in_lfs(name)}

    def _batch(self, query: Mapping[str, Any]) -> Answer:
        """The LFS server's answer to a batch request."""
        wanted = query.get("objects")
        if query.get("operation") != "download" or not isinstance(wanted, list):
            return as_json({"message": "only downloads, of a list of objects"}, 422)
        known, found = self._objects(), []
        for one in wanted:
            oid, size = one.get("oid"), one.get("size")
            record: dict[str, Any] = {"oid": oid, "size": size}
            if oid in known and self.pointer(known[oid])[1] == size:
                href = f"https://{OBJECTS}/{oid}?X-Amz-Expires=3600"
                record |= {"authenticated": True, "actions": {"download": {"href": href, "expires_in": 3600}}}
            else:
                record |= {"error": {"code": 404, "message": "Object does not exist"}}
            found.append(record)
        return as_json({"transfer": "basic", "objects": found, "hash_algo": "sha256"})


def in_repository(host: str, path: str) -> bool:
    """Whether an address is one of the hub's repository."""
    return f"{host}/{path.strip('/')}".startswith(f"{REPOSITORY}/")


def _in_lfs(name: str) -> bool:
    return re.fullmatch(r"(.*/)?data[^/]*\.txt", name) is not None
