"""Who is told of failures, in tests: a webhook and a mail server that keep what they are sent, over real sockets."""

import base64
import json
import socketserver
import ssl
import threading
from contextlib import contextmanager
from email import message_from_string
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from hnbc_assets.study_operation import Email

TOKEN = "T0K3N-of-the-webhook"
PASSWORD = "pa55-word-of-the-mail"


@contextmanager
def webhook_listener():
    """A listener that answers with each of `answers` in turn, the last for ever, and keeps what it was sent."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.received.append((self.path, json.loads(body)))
            status = self.server.answers[min(len(self.server.received), len(self.server.answers)) - 1]
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *words):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.received, server.answers = [], [200]
        server.address = f"http://127.0.0.1:{server.server_port}/services/{TOKEN}?key={TOKEN}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


class Conversation(socketserver.StreamRequestHandler):
    """As much of SMTP as a client needs; STARTTLS and AUTH where the listener has a certificate."""

    def handle(self):
        encrypted, server = False, self.server
        self.say("220 listening")
        while line := self.rfile.readline().decode().strip():
            verb = line.split()[0].upper()
            server.heard.append(verb + line[len(verb) :])
            if verb == "EHLO":
                offered = "AUTH PLAIN" if encrypted else "STARTTLS" if server.tls else "8BITMIME"
                self.say(f"250-localhost\r\n250 {offered}")
            elif verb == "STARTTLS":
                self.say("220 begin")
                try:
                    self.request = server.tls.wrap_socket(self.connection, server_side=True)
                except (ssl.SSLError, OSError):
                    return
                self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb")
                encrypted = True
            elif verb == "AUTH":
                right = base64.b64decode(line.split()[2]).decode() == f"\0user\0{PASSWORD}"
                self.say("235 welcome" if right else f"535 no, not {line}")
            elif verb == "RCPT" and "nobody" in line:
                self.say("550 unknown")
            elif verb == "DATA":
                self.say("354 go on")
                lines = iter(lambda: self.rfile.readline().decode().rstrip("\r\n"), ".")
                server.mails.append(message_from_string("\n".join(lines)))
                self.say("250 kept")
            else:
                self.say("221 bye" if verb == "QUIT" else "250 fine")

    def say(self, line):
        self.wfile.write(f"{line}\r\n".encode())
        self.wfile.flush()


@contextmanager
def mail_listener():
    """A mail server that keeps what it hears and every mail; `tls` is what it answers STARTTLS with."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Conversation) as server:
        server.heard, server.mails, server.tls = [], [], None
        server.daemon_threads = True
        server.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def plain(post_office, *to):
    """The settings of mail without TLS to the post office."""
    return Email(to=to or ("a@x.org",), sender="hnbc@x.org", host="127.0.0.1", port=post_office.port, starttls=False)


def body(mail):
    """The text of a mail that arrived."""
    return mail.get_payload(decode=True).decode()
