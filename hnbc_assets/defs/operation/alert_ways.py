"""How an alert is sent: a webhook and e-mail.

In scope: sending one message within a few seconds, and saying without any secret why it could not be sent.
Out of scope: what the message says, or when it is sent (alerts.py).
"""

from __future__ import annotations

import logging
import os
import smtplib
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from hnbc_assets.errors import HnbcError
from hnbc_assets.study_operation import Email

SECONDS = 10.0  # a sensor's tick may last 60 s and tell of five runs
PAUSES = (0.5, 1.5)
TLS_FROM_THE_START = 465
AGAIN = (408, 425, 429, 500, 502, 503, 504)


class NotSent(HnbcError):
    """A message could not be sent by one way. The text names the way and the host, and never a secret."""


def post(webhook: str, content: Mapping[str, Any]) -> None:
    """Send `content` as JSON to a webhook: an address, or env:NAME of a variable that holds one.

    What fails at once (no connection, 429, 503 …) is tried twice again. Silence is not: the message may have arrived.
    Redirects are not followed: the message is for whom the study names.

    Raises
    ------
    NotSent
        If the variable is not set, or the host cannot be reached, is silent for 10 s, or does not accept the message.
    """
    address = _address(webhook)
    until, reason = time.monotonic() + SECONDS, ""
    for pause in (0.0, *PAUSES):
        if time.monotonic() + pause >= until:
            break
        time.sleep(pause)
        reason, transient = _post_once(address, content, until - time.monotonic())
        if not reason:
            return
        if not transient:
            break
    raise NotSent(f"webhook {_host(address)}: {reason}")


def _address(webhook: str) -> str:
    if not webhook.startswith("env:"):
        return webhook
    name = webhook.removeprefix("env:")
    address = os.environ.get(name, "").strip()
    if not address.startswith(("https://", "http://")):
        fault = "holds no http(s) address" if address else "is not set"
        raise NotSent(f"webhook: the environment variable {name}, which alerts.webhook names, {fault}.")
    return address


def _host(address: str) -> str:
    """Host and port alone: the rest of a webhook's address is its password."""
    return urlsplit(address).netloc.rpartition("@")[2]


def _post_once(address: str, content: Mapping[str, Any], seconds: float) -> tuple[str, bool]:
    """Why it was not accepted ('' if it was), and whether another try may help."""
    import httpx

    try:
        with _unlogged("httpx"), httpx.stream("POST", address, json=content, timeout=seconds) as answer:
            status = answer.status_code
    except httpx.TimeoutException:
        return f"no answer within {SECONDS:.0f} s.", False
    except httpx.ConnectError as error:
        return f"it cannot be reached ({error}).", True
    except httpx.TransportError as error:
        return f"the connection broke ({type(error).__name__}).", True
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:  # their texts repeat the address
        return f"the address cannot be used ({type(error).__name__}).", False
    if 200 <= status < 300:
        return "", False
    if 300 <= status < 400:
        return f"answered {status}, a redirect, which is not followed: name the address that it leads to.", False
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "which is unknown"
    return f"answered {status} ({phrase}).", status in AGAIN


@contextmanager
def _unlogged(name: str) -> Iterator[None]:
    """Keep what this thread logs under a name out of every log: httpx logs whole addresses."""
    logger, here = logging.getLogger(name), threading.get_ident()

    def elsewhere(record: logging.LogRecord) -> bool:
        return record.thread != here

    logger.addFilter(elsewhere)
    try:
        yield
    finally:
        logger.removeFilter(elsewhere)


def mail(email: Email, subject: str, text: str) -> None:
    """Send a plain-text message by SMTP: over TLS from the start on port 465, else by STARTTLS unless switched off.

    Raises
    ------
    NotSent
        If the password's variable is not set, or the server cannot be reached, has no valid certificate, offers no
        STARTTLS, or refuses the login, the sender or any recipient.
    """
    way = f"e-mail by {email.host}:{email.port}"
    try:
        refused = _mail(email, _password(email), _message(email, subject, text))
    except NotSent:
        raise
    except Exception as error:
        reason = _why_not(error, email)
    else:
        if not refused:
            return
        reason = f"these recipients were refused: {', '.join(sorted(refused))}."
    raise NotSent(f"{way}: {reason}")


def _password(email: Email) -> str | None:
    if email.password_env is None:
        return None
    password = os.environ.get(email.password_env)
    if not password:
        raise NotSent(
            f"e-mail by {email.host}:{email.port}: the environment variable {email.password_env}, which "
            "alerts.email.password_env names, is not set."
        )
    return password


def _message(email: Email, subject: str, text: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = email.sender, ", ".join(email.to), subject
    message["Date"] = formatdate(localtime=False)
    message["Message-ID"] = make_msgid(domain=email.sender.rpartition("@")[2].rstrip("> ") or None)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text, cte="quoted-printable")
    return message


def _mail(email: Email, password: str | None, message: EmailMessage) -> Mapping[str, Any]:
    """Send; returns the recipients that were refused while others were not."""
    if email.port == TLS_FROM_THE_START:
        connection: smtplib.SMTP = smtplib.SMTP_SSL(
            email.host, email.port, timeout=SECONDS, context=ssl.create_default_context()
        )
    else:
        connection = smtplib.SMTP(email.host, email.port, timeout=SECONDS)
    with connection as server:
        if email.starttls and email.port != TLS_FROM_THE_START:
            server.starttls(context=ssl.create_default_context())
        if email.user is not None and password is not None:
            server.login(email.user, password)
        return server.send_message(message)


def _why_not(error: Exception, email: Email) -> str:
    """Told by kind: what a server answers to a login could repeat it."""
    match error:
        case smtplib.SMTPAuthenticationError():
            return f"the login of {email.user} was refused ({error.smtp_code})."
        case smtplib.SMTPNotSupportedError():
            return "the server offers no STARTTLS, or no login that is known here; nothing was sent."
        case smtplib.SMTPRecipientsRefused():
            return f"all recipients were refused: {', '.join(sorted(error.recipients))}."
        case smtplib.SMTPSenderRefused():
            return f"the sender {email.sender} was refused ({error.smtp_code})."
        case smtplib.SMTPResponseException():
            return f"the server answered {error.smtp_code}."
        case TimeoutError():
            return f"no answer within {SECONDS:.0f} s."
        case smtplib.SMTPException():
            return f"the server broke off ({type(error).__name__})."
        case OSError():
            return f"it cannot be reached ({error})."
    return f"the message could not be made or sent ({type(error).__name__})."
