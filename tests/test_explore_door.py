"""Who is let in to the page of `daenr explore`."""

import asyncio

import pytest

from daenr_tf.explore.door import Door

MOST = 1000  # bytes that the door of these tests lets through


class Guarded:
    """A door in front of an application that says "in"."""

    def __init__(self):
        self.door = Door(self.inside, ["my.machine"], 80, MOST)
        self.cookie = ""

    async def inside(self, scope, receive, send):
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"in"})

    def ask(self, path="/", query="", method="GET", kind="http", **headers):
        """What is sent in answer, and the text of it."""
        headers = {"host": "127.0.0.1:80", "cookie": self.cookie, **headers}
        scope = {
            "type": kind,
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()],
        }
        sent = []

        async def receive():
            return {"type": f"{kind}.connect"}

        async def send(message):
            sent.append(message)

        asyncio.run(self.door(scope, receive, send))
        return sent

    def status(self, *arguments, **options):
        return self.ask(*arguments, **options)[0]["status"]

    def enter(self):
        """Use the link, and keep its cookie."""
        start = self.ask(query=f"token={self.door.token}")[0]
        headers = dict(start["headers"])
        self.cookie = headers[b"set-cookie"].decode().split(";")[0]
        return start["status"], headers


@pytest.fixture
def guarded():
    return Guarded()


def test_the_link_gives_a_cookie_once_and_the_cookie_lets_in(guarded):
    assert guarded.status() == 403
    assert guarded.status(query="token=wrong") == 403
    assert guarded.status(query=f"token={guarded.door.token}", method="HEAD") == 403  # not spent
    status, headers = guarded.enter()
    assert status == 303 and headers[b"location"] == b"/"
    assert b"HttpOnly" in headers[b"set-cookie"] and b"SameSite=Lax" in headers[b"set-cookie"]
    sent = guarded.ask("/anything")
    assert sent[0]["status"] == 200 and sent[1]["body"] == b"in"
    assert guarded.status(query=f"token={guarded.door.token}") == 303  # reloaded by its owner
    guarded.cookie = ""
    refused = guarded.ask(query=f"token={guarded.door.token}")
    assert refused[0]["status"] == 403 and b"used before" in refused[1]["body"]


def test_the_cookie_is_not_the_token_and_a_wrong_one_is_refused(guarded):
    guarded.enter()
    name, value = guarded.cookie.split("=", 1)
    assert value != guarded.door.token
    for wrong in ("", f"{name}=", f"{name}={guarded.door.token}", f"other={value}", "\x00;=;"):
        guarded.cookie = wrong
        assert guarded.status() == 403


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:80", 200),
        ("localhost", 200),
        ("LOCALHOST:80", 200),
        ("[::1]:80", 200),
        ("192.168.1.7:80", 200),  # an address can't be made to lead elsewhere
        ("my.machine:80", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example:80", 403),
        ("", 403),
        ("[", 403),
    ],
)
def test_only_the_pages_own_names_are_answered(guarded, host, status):
    guarded.enter()
    assert guarded.status(host=host) == status


def test_another_pages_script_is_refused(guarded):
    guarded.enter()
    assert guarded.status(origin="http://127.0.0.1:80") == 200
    for origin in ("http://evil.example", "http://127.0.0.1:81", "null"):
        assert guarded.status(origin=origin) == 403
        assert guarded.ask(kind="websocket", origin=origin)[0]["type"] == "websocket.close"


def test_a_websocket_needs_the_cookie(guarded):
    assert guarded.ask(kind="websocket")[0] == {"type": "websocket.close", "code": 1008}
    guarded.enter()
    assert guarded.ask(kind="websocket")[0]["type"] == "websocket.accept"


def test_what_is_sent_is_bounded(guarded):
    guarded.enter()
    assert guarded.status(method="POST", content_length=str(MOST)) == 200
    assert guarded.status(method="POST", content_length=str(MOST + 1)) == 413
    for lacking in ({}, {"content_length": "-1"}, {"content_length": "many"}):
        assert guarded.status(method="POST", **lacking) == 411


def test_every_answer_forbids_the_browser_to_go_elsewhere(guarded):
    for _ in range(2):
        policy = dict(guarded.ask()[0]["headers"])[b"content-security-policy"]
        assert b"default-src 'self'" in policy and b"frame-ancestors 'none'" in policy
        assert b"http:" not in policy and b"*" not in policy
        guarded.enter() if not guarded.cookie else None
