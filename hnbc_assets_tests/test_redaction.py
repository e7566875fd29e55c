"""Secrets in addresses: used in requests, and found in no message, log or file."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from hnbc_assets.errors import StudyError, UpstreamRefused
from hnbc_assets.lake.origin import claim, origin
from hnbc_assets.lake.parquet import read
from hnbc_assets.lake.paths import Lake
from hnbc_assets.redaction import redacted, redacted_text, without_secrets_of
from hnbc_assets.sources.gene_sets import files as gene_sets
from hnbc_assets.sources.web.http import connect
from hnbc_assets.study import PACKAGED, Place
from hnbc_assets_tests.lakes import HNBC

PASSWORD, TOKEN, OWN = "mirror-s3cret", "t0ken-of-the-list", "s3cret-of-the-list"
GMT = b"SET_A\tabout\tTP53\tERBB2\n"
MARKERS = b"HUGO symbols\tCell population\nCD3D\tT cells\n"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://host.org/a.gmt", "https://host.org/a.gmt"),
        ("https://ada:pw@host.org:8080/a.gmt", "https://host.org:8080/a.gmt"),
        ("https://ada@host.org", "https://host.org"),
        ("http://ada:p%40ss@[::1]:80/x", "http://[::1]:80/x"),
        ("https://ada:p/w@host.org/x", "https://host.org/x"),
        ("https://host.org/x?token=abcdef&version=7", "https://host.org/x?token=***&version=7"),
        ("https://host.org/x?abcdef#part", "https://host.org/x?***"),
        ("https://host.org/geo?acc=GSE1&targ=self", "https://host.org/geo?acc=GSE1&targ=self"),
        ("https://cdn.org/gh/lists@1.2/a.gmt", "https://cdn.org/gh/lists@1.2/a.gmt"),
        ("live", "live"),
        ("file:sets.gmt", "file:sets.gmt"),
    ],
)
def test_an_address_is_shown_without_user_password_and_unknown_values(address, shown):
    assert redacted(address) == shown
    assert redacted(shown) == shown


def test_addresses_inside_a_sentence_are_redacted_and_the_sentence_stays():
    text = "a (https://ada:pw@h.org/x?k=abcd): 404. 'http://b:c@d.org', and https://h.org/y."
    assert redacted_text(text) == "a (https://h.org/x?k=***): 404. 'http://d.org', and https://h.org/y."


def test_every_error_of_this_package_redacts_its_message():
    assert str(StudyError("https://ada:pw@h.org/x?k=abcd: no")) == "https://h.org/x?k=***: no"


def test_secrets_of_an_address_that_a_host_repeats_are_hidden():
    asked = "https://ada:pass%40word@h.org/x?token=abc%2Fdef&version=7&k=v"
    answer = without_secrets_of(asked, "no ada:pass%40word, pass@word, abc/def, abc%2Fdef at version 7")
    assert answer == "no ***, ***, ***, *** at version 7"


def test_a_mirrors_password_is_not_part_of_the_name_of_a_lake(tmp_path):
    lake = Lake(tmp_path)
    (tmp_path / "upstream.json").write_text('{"upstream": "http://ada:old-word@mirror.example/base"}')
    claim(lake, "http://ada:new-word@mirror.example/base/")
    assert origin(lake).upstream == "http://mirror.example/base"
    assert "word" not in (tmp_path / "upstream.json").read_text()
    place = Place.from_environment({"HNBC_UPSTREAM": "http://ada:word@mirror.example"})
    assert (place.upstream, place.address) == ("http://mirror.example", "http://ada:word@mirror.example")
    assert "word" not in repr(place)


def test_lists_that_differ_only_in_secrets_are_refused_and_others_are_kept_apart(tmp_path):
    with connect("live") as client, pytest.raises(StudyError, match=r"differ only in secret parts") as refused:
        gene_sets.release(client, ["https://h.org/v1.0/a?token=one-one", "https://h.org/v1.0/a?token=two-two"])
    assert "one-one" not in str(refused.value)
    with connect("live") as client:
        found = gene_sets.listing(client, None, ["https://h.org/v1.0/a?name=A", "https://h.org/v1.0/a?name=B"])
    assert len({one.path for _, one in found.wanted}) == 2


@contextmanager
def mirror() -> Iterator[tuple[str, list[str]]]:
    """A mirror that requires a password, has two lists, and repeats the address in its answers; its requests."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
            asked.append(self.path)
            if self.headers.get("Authorization") != f"Basic {known}":
                status, content = 401, b"who are you"
            elif self.path.startswith("/lists.example/v1.0/a.gmt?"):
                status, content = 200, GMT
            elif self.path.startswith("/lists.example/v1.0/markers.txt?"):
                status, content = 200, MARKERS
            else:
                status, content = 404, f"nothing at {self.path}".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://ada:{PASSWORD}@127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()


def test_a_token_that_a_host_repeats_is_not_in_the_message():
    with mirror() as (base, asked), connect(base, retries=0) as client:
        with pytest.raises(UpstreamRefused, match=r"lists\.example/b\.gmt\?token=\*\*\*: HTTP status 404") as refused:
            client.get(f"https://own:{OWN}@lists.example/b.gmt?token={TOKEN}")
        assert asked == [f"/lists.example/b.gmt?token={TOKEN}"]
    assert not any(secret in str(refused.value) for secret in (PASSWORD, TOKEN, OWN))


class Machine:
    """A folder with a study whose lists have a user, a password and a token, and the output of `hnbc` there."""

    def __init__(self, folder: Path, base: str) -> None:
        self.folder, self.base, self.outputs = folder, base, []

    def run(self, file: str) -> int:
        """Fetch the list from this file; the exit status."""
        settings = yaml.safe_load(PACKAGED.read_text())
        listed, markers = (
            {"url": f"https://own:{OWN}@lists.example/v1.0/{name}?token={TOKEN}"} for name in (file, "markers.txt")
        )
        settings["anoikis_genes"] = [{"name": "own", "gmt": listed}]
        settings |= {"enrichment": {"collections": {}}, "microenvironment": {"markers": markers}}
        (self.folder / "study.yaml").write_text(yaml.safe_dump(settings))
        return self.hnbc("run", "--select", "raw/gene_sets")

    def hnbc(self, *arguments: str) -> int:
        named = {"HNBC_UPSTREAM": self.base, "HNBC_STUDY": str(self.folder / "study.yaml"), "DAGSTER_HOME": ""}
        environment = os.environ | named | {"HNBC_DATA_LAKE": str(self.folder / "lake")}
        command = [str(HNBC), *arguments]
        ended = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=300, check=False, cwd=self.folder
        )
        self.outputs.append(ended.stdout + ended.stderr)
        return ended.returncode

    def places_of_secrets(self) -> list[str]:
        """The files of the lake, and the outputs, that contain a secret."""
        files = {str(path): path.read_bytes() for path in (self.folder / "lake").rglob("*") if path.is_file()}
        assert any(name.endswith(".db") for name in files)
        files |= {f"output {number}": text.encode() for number, text in enumerate(self.outputs)}
        secrets = [secret.encode() for secret in (PASSWORD, TOKEN, OWN)]
        return [name for name, content in files.items() if any(secret in content for secret in secrets)]


def test_no_secret_of_mirror_or_list_is_found_in_the_output_or_the_logs_of_a_run_that_fails(tmp_path):
    with mirror() as (base, asked):
        machine = Machine(tmp_path, base)
        assert machine.run("missing.gmt") == 3, machine.outputs
    assert f"/lists.example/v1.0/missing.gmt?token={TOKEN}" in asked
    assert "lists.example/v1.0/missing.gmt?token=***" in machine.outputs[0]
    assert machine.places_of_secrets() == []


@pytest.mark.full
def test_no_secret_of_mirror_or_list_is_found_in_tables_archive_and_status(tmp_path):
    with mirror() as (base, _):
        machine = Machine(tmp_path, base)
        assert machine.run("a.gmt") == 0, machine.outputs
        machine.hnbc("status")
        machine.hnbc("refresh", "--dry-run")
    table = read(Lake(tmp_path / "lake").table("raw/gene_sets"))
    names = ["https://lists.example/v1.0/a.gmt?token=***", "https://lists.example/v1.0/markers.txt?token=***"]
    assert sorted(table.url) == names
    assert machine.places_of_secrets() == []
