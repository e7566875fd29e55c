"""Ways of telling: who is sent what, over real sockets, and what an error never gives away."""

import base64
import logging
import shutil
import socketserver
import ssl
import subprocess

import pytest
from listeners import PASSWORD, TOKEN, body, mail_listener, plain, webhook_listener

from hnbc_assets.defs.operation import alert_ways
from hnbc_assets.defs.operation.alerts import AlertFailed, Entry, Failure, notify
from hnbc_assets.study_operation import Alerts, Email

FAILURE = Failure(
    run_id="4f2a",
    job="study",
    entries=(Entry("cohorts/brca_tcga", ("cohorts/brca_tcga",), "GSE1: no survival. Add it.", 1),),
    simulated=True,
    study="A study",
    lake="lake",
)


@pytest.fixture(autouse=True)
def quick_and_direct(monkeypatch):
    monkeypatch.setattr(alert_ways, "PAUSES", (0.01, 0.02))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


@pytest.fixture
def webhook():
    with webhook_listener() as listener:
        yield listener


@pytest.fixture
def post_office():
    with mail_listener() as listener:
        yield listener


@pytest.fixture
def certificate(tmp_path, monkeypatch, post_office):
    """The listener gets a certificate for `localhost`, which is made here and trusted here."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    post_office.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    post_office.tls.load_cert_chain(certificate, key)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


def with_login(post_office):
    login = {"user": "user", "password_env": "MAIL_PASSWORD"}
    return Email(to=("a@x.org",), sender="hnbc@x.org", host="localhost", port=post_office.port, **login)


def test_a_webhook_is_sent_asset_reason_and_run_in_one_message(webhook):
    notify(Alerts(webhook=webhook.address), FAILURE)
    [(path, content)] = webhook.received
    assert path == f"/services/{TOKEN}?key={TOKEN}"
    assert content["asset"] == "cohorts/brca_tcga"
    assert content["assets"] == ["cohorts/brca_tcga"]
    assert content["reason"] == "GSE1: no survival. Add it."
    assert (content["run_id"], content["study"], content["simulated"]) == ("4f2a", "A study", True)
    for word in ("SIMULATED", "cohorts/brca_tcga", "GSE1: no survival. Add it.", "4f2a", "A study"):
        assert word in content["text"]


def test_the_webhooks_address_may_come_from_a_variable(webhook, monkeypatch):
    monkeypatch.setenv("MY_WEBHOOK", f" {webhook.address}\n")
    notify(Alerts(webhook="env:MY_WEBHOOK"), FAILURE)
    assert len(webhook.received) == 1


@pytest.mark.parametrize(
    ("content", "said"), [(None, "MY_WEBHOOK.*is not set"), (TOKEN, "MY_WEBHOOK.*no http")], ids=["unset", "no address"]
)
def test_a_variable_without_an_address_is_named_and_its_content_is_not(monkeypatch, content, said):
    if content is None:
        monkeypatch.delenv("MY_WEBHOOK", raising=False)
    else:
        monkeypatch.setenv("MY_WEBHOOK", content)
    with pytest.raises(AlertFailed, match=said) as error:
        notify(Alerts(webhook="env:MY_WEBHOOK"), FAILURE)
    assert TOKEN not in str(error.value)


def test_a_webhook_that_is_busy_is_tried_again_twice(webhook):
    webhook.answers = [503, 429, 200]
    notify(Alerts(webhook=webhook.address), FAILURE)
    assert len(webhook.received) == 3
    webhook.received.clear()
    webhook.answers = [503]
    with pytest.raises(AlertFailed, match="503"):
        notify(Alerts(webhook=webhook.address), FAILURE)
    assert len(webhook.received) == 3


@pytest.mark.parametrize("status", [404, 403, 302, 307])
def test_a_webhook_that_says_no_or_redirects_is_asked_once_and_not_followed(webhook, status):
    webhook.answers = [status]
    with pytest.raises(AlertFailed, match=str(status)) as error:
        notify(Alerts(webhook=webhook.address), FAILURE)
    assert [path for path, _ in webhook.received] == [f"/services/{TOKEN}?key={TOKEN}"]
    assert f"127.0.0.1:{webhook.server_port}" in str(error.value)
    assert "4f2a" in str(error.value)
    assert TOKEN not in str(error.value)
    assert "services" not in str(error.value)


def test_a_silent_webhook_is_given_up_after_the_time_and_not_asked_again(monkeypatch):
    monkeypatch.setattr(alert_ways, "SECONDS", 0.3)
    with socketserver.TCPServer(("127.0.0.1", 0), None) as silent:  # the system accepts, nobody answers
        with pytest.raises(AlertFailed, match="no answer within"):
            notify(Alerts(webhook=f"http://127.0.0.1:{silent.server_address[1]}/{TOKEN}"), FAILURE)
        silent.socket.setblocking(False)
        silent.socket.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.socket.accept()


@pytest.mark.parametrize("address", [f"http://user:{TOKEN}@127.0.0.1:1/{TOKEN}", f"http://127.0.0.1:{TOKEN}/"])
def test_an_unusable_address_is_not_repeated(address, caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(AlertFailed, match="webhook") as error:
        notify(Alerts(webhook=address), FAILURE)
    assert f"user:{TOKEN}" not in str(error.value)
    assert f"/{TOKEN}" not in str(error.value)
    assert f"/{TOKEN}" not in caplog.text


def test_no_log_holds_the_webhooks_address(webhook, caplog):
    caplog.set_level(logging.DEBUG)
    notify(Alerts(webhook=webhook.address), FAILURE)
    assert TOKEN not in caplog.text


def test_an_unreachable_webhook_does_not_stop_the_mail(post_office):
    with pytest.raises(AlertFailed, match=r"webhook 127.0.0.1:1: .*sent the other way") as error:
        notify(Alerts(webhook=f"http://127.0.0.1:1/{TOKEN}", email=plain(post_office)), FAILURE)
    assert len(post_office.mails) == 1
    assert TOKEN not in str(error.value)


def test_a_mail_server_that_is_not_there_does_not_stop_the_webhook(webhook):
    nowhere = Email(to=("a@x.org",), sender="hnbc@x.org", host="127.0.0.1", port=1, starttls=False)
    with pytest.raises(AlertFailed, match=r"e-mail by 127.0.0.1:1: it cannot be reached"):
        notify(Alerts(webhook=webhook.address, email=nowhere), FAILURE)
    assert len(webhook.received) == 1


def test_a_mail_names_asset_reason_and_run(post_office):
    notify(Alerts(email=plain(post_office, "a@x.org", "b@x.org")), FAILURE)
    [mail] = post_office.mails
    assert mail["To"] == "a@x.org, b@x.org"
    assert mail["From"] == "hnbc@x.org"
    assert mail["Date"]
    assert mail["Message-ID"].endswith("@x.org>")
    for word in ("SIMULATED", "cohorts/brca_tcga failed: GSE1: no survival. Add it.", "run 4f2a", "A study"):
        assert word in body(mail)
    assert [line for line in post_office.heard if line.startswith("RCPT")] == [
        "RCPT TO:<a@x.org>",
        "RCPT TO:<b@x.org>",
    ]


def test_a_recipient_who_is_refused_is_named(post_office):
    with pytest.raises(AlertFailed, match=r"refused: nobody@x\.org"):
        notify(Alerts(email=plain(post_office, "a@x.org", "nobody@x.org")), FAILURE)
    assert len(post_office.mails) == 1


def test_a_mail_with_a_login_goes_over_tls(post_office, certificate, monkeypatch):
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    notify(Alerts(email=with_login(post_office)), FAILURE)
    verbs = [line.split()[0] for line in post_office.heard]
    assert verbs.index("STARTTLS") < verbs.index("AUTH")
    assert len(post_office.mails) == 1


def test_a_refused_login_gives_nothing_away(post_office, certificate, monkeypatch):
    monkeypatch.setenv("MAIL_PASSWORD", "wrong-" + PASSWORD)
    with pytest.raises(AlertFailed, match=r"login of user was refused \(535\)") as error:
        notify(Alerts(email=with_login(post_office)), FAILURE)
    assert PASSWORD not in str(error.value)
    assert base64.b64encode(f"\0user\0wrong-{PASSWORD}".encode()).decode() not in str(error.value)
    assert error.value.__cause__ is None
    assert error.value.__context__ is None


def test_a_server_without_starttls_or_with_another_ones_certificate_gets_no_password(
    post_office, certificate, monkeypatch
):
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(AlertFailed, match="CERTIFICATE_VERIFY_FAILED"):
        notify(Alerts(email=with_login(post_office)), FAILURE)
    post_office.tls = None
    with pytest.raises(AlertFailed, match="no STARTTLS"):
        notify(Alerts(email=with_login(post_office)), FAILURE)
    assert not [line for line in post_office.heard if line.startswith(("AUTH", "MAIL"))]


def test_an_unset_password_is_named_by_its_variable(post_office, monkeypatch):
    monkeypatch.delenv("MAIL_PASSWORD", raising=False)
    with pytest.raises(AlertFailed, match="MAIL_PASSWORD"):
        notify(Alerts(email=with_login(post_office)), FAILURE)
    assert not post_office.heard


def test_nobody_is_told_where_nobody_is_named():
    notify(Alerts(), FAILURE)


def test_many_and_long_entries_stay_readable():
    entries = tuple(Entry(f"cohorts/c{i}", (f"cohorts/c{i}",), "x" * 5_000, 3) for i in range(40))
    failure = Failure("4f2a", "study", entries, False, "A\nstudy", "lake")
    assert failure.subject == "cohorts/c0 and 39 more failed · A study"
    assert len(failure.text) < 15_000
    assert "… and 30 more steps failed." in failure.text
    assert len(failure.assets) == 40
