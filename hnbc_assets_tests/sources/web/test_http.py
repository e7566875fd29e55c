"""The HTTP client: where it sends requests, what it repeats, what it refuses."""

from __future__ import annotations

import email.utils
import threading
import time

import httpx
import pytest

from hnbc_assets.errors import DamagedDownload, StudyError, UpstreamRefused, UpstreamUnreachable
from hnbc_assets.sources.web import http
from hnbc_assets.sources.web.answers import retry_after
from hnbc_assets.sources.web.http import connect
from hnbc_assets.sources.web.pace import Pace

URL = "https://upstream.example/status"


def answering(*answers, **options):
    """A client whose upstream gives these answers in turn (an exception is raised), the last one repeatedly."""
    asked = []

    def answer(request):
        asked.append(str(request.url))
        one = answers[min(len(asked), len(answers)) - 1]
        if isinstance(one, Exception):
            raise one
        status, headers, content = one
        return httpx.Response(status, headers=headers, content=content)

    options = {"retries": 3, "backoff_seconds": 0.01} | options
    return connect("simulated", transport=httpx.MockTransport(answer), **options), asked


def good(content=b'{"status": "OK"}'):
    return 200, {}, content


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_request_to_a_failing_upstream_is_repeated_and_succeeds(status):
    client, asked = answering((status, {}, b""), (status, {}, b""), good())
    assert client.get_json(URL) == {"status": "OK"}
    assert len(asked) == 3


def test_a_broken_connection_is_tried_again_and_recovers():
    client, asked = answering(httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), good())
    assert client.get_json(URL) == {"status": "OK"}
    assert len(asked) == 3


def test_the_wait_is_at_least_as_long_as_upstream_requests():
    client, _ = answering((503, {"Retry-After": "1"}, b""), good())
    began = time.monotonic()
    client.get(URL)
    assert time.monotonic() - began >= 1


def test_retry_after_may_be_a_date():
    assert 50 < retry_after(email.utils.formatdate(time.time() + 60, usegmt=True)) <= 61
    assert retry_after("soon") == retry_after(None) == 0


def test_an_upstream_that_keeps_failing_is_named_with_its_reason():
    client, asked = answering((503, {}, b""))
    with pytest.raises(UpstreamUnreachable, match=r"upstream\.example/status: HTTP status 503 \(4 attempts\)"):
        client.get(URL)
    assert len(asked) == 4


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_request_with_a_final_status_is_not_repeated(status):
    client, asked = answering((status, {}, b'{"message": "no such thing"}'))
    with pytest.raises(UpstreamRefused, match=f"{status}.*no such thing"):
        client.get(URL)
    assert len(asked) == 1


def test_a_web_page_instead_of_json_is_requested_once_more_then_reported():
    client, asked = answering((200, {}, b"<!DOCTYPE html><html>Just a moment"))
    with pytest.raises(DamagedDownload, match="a web page"):
        client.get_json(URL)
    assert len(asked) == 2
    client, asked = answering((200, {}, b"<html>"), good())
    assert client.get_json(URL) == {"status": "OK"}


def test_a_post_carries_its_body_and_gives_the_value():
    bodies = []

    def answer(request):
        bodies.append(request.read())
        return httpx.Response(200, json=[1, 2])

    assert connect("simulated", transport=httpx.MockTransport(answer)).post_json(URL, {"ids": ["a"]}) == [1, 2]
    assert bodies == [b'{"ids":["a"]}']


def test_a_redirect_is_followed_only_if_it_stays_encrypted():
    client, asked = answering((302, {"Location": "https://elsewhere.example/x"}, b""), good())
    assert client.get_json(URL) == {"status": "OK"}
    assert asked[1] == "https://elsewhere.example/x"
    client, asked = answering((302, {"Location": "http://ada:word@elsewhere.example/x?token=7hidden"}, b""), good())
    with pytest.raises(UpstreamRefused, match="not followed") as refused:
        client.get(URL)
    assert len(asked) == 1
    assert "elsewhere.example/x?token=***, which" in str(refused.value)
    assert "7hidden" not in str(refused.value)
    assert "word" not in str(refused.value)


def test_redirects_in_a_circle_end():
    client, asked = answering((301, {"Location": URL}, b""))
    with pytest.raises(UpstreamRefused, match="redirects more than"):
        client.get(URL)
    assert len(asked) == http.MOST_REDIRECTS


def mirrored(monkeypatch, upstream, answer):
    """A client of a mirror whose requests are answered here."""
    whole = httpx.Client
    monkeypatch.setattr(
        http.httpx, "Client", lambda **given: whole(**(given | {"transport": httpx.MockTransport(answer)}))
    )
    return connect(upstream, retries=0)


def test_a_mirror_is_queried_at_its_base_followed_by_host_and_path(monkeypatch):
    asked = []

    def answer(request):
        asked.append(str(request.url))
        return httpx.Response(200, json={})

    client = mirrored(monkeypatch, "http://127.0.0.1:8000/base/", answer)
    client.get_json("https://api.gdc.cancer.gov/files", params={"size": 3})
    assert asked == ["http://127.0.0.1:8000/base/api.gdc.cancer.gov/files?size=3"]


def test_a_mirror_may_redirect_only_within_itself(monkeypatch):
    def answer(request):
        return httpx.Response(302, headers={"Location": "https://upstream.example/status"})

    with pytest.raises(UpstreamRefused, match="not followed"):
        mirrored(monkeypatch, "http://127.0.0.1:8000", answer).get(URL)


def test_a_mirrors_password_is_sent_but_never_shown(monkeypatch):
    seen = []

    def answer(request):
        seen.append(request.headers.get("authorization"))
        return httpx.Response(404)

    client = mirrored(monkeypatch, "https://user:secret@mirror.example", answer)
    assert client.upstream == "https://mirror.example"
    with pytest.raises(UpstreamRefused) as refused:
        client.get(URL)
    assert seen[0].startswith("Basic ")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("upstream", ["", "lives", "ftp://mirror.example", "http://"])
def test_an_invalid_upstream_is_a_study_error_that_says_what_to_give(upstream):
    with pytest.raises(StudyError, match="simulated, live, or a mirror"):
        connect(upstream)


def test_only_https_addresses_are_requested():
    client, asked = answering(good())
    with pytest.raises(StudyError, match="https://"):
        client.get("http://upstream.example/status")
    assert asked == []


def test_an_endless_reply_is_stopped(monkeypatch):
    monkeypatch.setattr(http, "LARGEST_REPLY_BYTES", 1000)
    client, _ = answering(good(b"x" * 2000))
    with pytest.raises(DamagedDownload, match="more than"):
        client.get(URL)


def test_an_interrupted_client_does_not_wait_for_its_next_attempt():
    client, asked = answering((503, {"Retry-After": "60"}, b""))
    threading.Timer(0.2, client.interrupt).start()
    began = time.monotonic()
    with pytest.raises(UpstreamUnreachable):
        client.get(URL)
    assert time.monotonic() - began < 50
    assert len(asked) == 1


def test_ncbi_gets_at_most_three_requests_per_second_and_others_do_not_wait():
    now = 100.0
    pace = Pace(clock=lambda: now)
    waits = [pace.due("www.ncbi.nlm.nih.gov") for _ in range(4)]
    assert waits == pytest.approx([0, 0.34, 0.68, 1.02])
    assert [pace.due("api.gdc.cancer.gov") for _ in range(3)] == [0, 0, 0]
    assert pace.due("ftp.ncbi.nlm.nih.gov") == 0  # another machine
    now = 200.0
    assert pace.due("www.ncbi.nlm.nih.gov") == 0


def test_a_live_client_waits_its_turn_at_ncbi_and_one_of_a_mirror_does_not():
    with connect("live") as live, connect("http://127.0.0.1:9") as mirror:
        assert live._pace is not None
        assert mirror._pace is None
