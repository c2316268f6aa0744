"""Who is let in to the page: whoever has the one-time link, from the address that the page is served on.

The link's token is exchanged for a cookie at its first use and is spent then. Names other than the page's own in `Host` are refused, as a page elsewhere
could make its own name lead to this machine (DNS rebinding), and so are requests that another page's script sends (`Origin`).
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Awaitable, Callable, Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

LOCAL_NAMES = ("localhost",)
# 'self' is the page's own address: the browser itself refuses whatever would leave it. The framework's templates are compiled in the page.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'self';"
    " frame-ancestors 'none'; object-src 'none'"
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
NO_COOKIE = "This page opens with the link that daenr explore printed, in the browser that used the link first."
SPENT = (
    "This link was used before, and it works once. The page is open in the browser that used it; for another one end daenr"
    " explore (Ctrl-C) and start it again."
)
Scope, Receive, Send = dict, Callable[[], Awaitable[dict]], Callable[[dict], Awaitable[None]]


class Door:
    """An ASGI application in front of another.

    Args:
        app: the ASGI application that is guarded.
        hosts: names and addresses that the page may be asked for by, besides IP addresses and localhost.
        port: int, that it is served on; the cookie's name has it, as browsers share cookies among ports.
        most_bytes: int, of what may be sent with a request.

    Attributes:
        token: str, of the one-time link.
    """

    def __init__(self, app: Callable, hosts: Iterable[str], port: int, most_bytes: int) -> None:
        self.app, self.most_bytes = app, most_bytes
        self.token, self._secret = secrets.token_urlsafe(24), secrets.token_urlsafe(32)
        self._hosts = {name.lower() for name in (*hosts, *LOCAL_NAMES)}
        self._cookie, self._spent = f"daenr_explore_{port}", False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let it in."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        refused = self._refusal(scope)
        if refused is None and self._is_link(scope):
            await _answer(send, 303, "", self._entry(scope))
        elif refused is None:
            await self.app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await _answer(send, *refused)

    def _refusal(self, scope):
        """(status, sentence) for what is not let in; None for what is."""
        host = _header(scope, b"host")
        if not self._is_ours(host):
            return 403, f"Expected the address that daenr explore printed, found {host[:100]!r}."
        origin = _header(scope, b"origin")
        if origin and urlsplit(origin).netloc.lower() != host.lower():
            return 403, "Expected a request of the page itself, found one of another page."
        if self._has_cookie(scope):
            return self._too_large(scope)
        if not self._is_link(scope):
            return 403, NO_COOKIE
        if self._spent:
            return 403, SPENT
        return None

    def _is_ours(self, host):
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name.lower() in self._hosts:
            return True
        try:
            ipaddress.ip_address(name)  # no name that could lead elsewhere
        except ValueError:
            return False
        return True

    def _has_cookie(self, scope):
        cookies = SimpleCookie()
        try:
            cookies.load(_header(scope, b"cookie"))
        except CookieError:
            return False
        found = cookies.get(self._cookie)
        return found is not None and _same(found.value, self._secret)

    def _is_link(self, scope):
        if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] != "/":
            return False
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        return _same(given, self.token)

    def _entry(self, scope):
        """The headers that lead from the link to the page; the first time with the cookie."""
        headers = [(b"location", b"/")]
        if not self._has_cookie(scope):
            self._spent = True
            cookie = f"{self._cookie}={self._secret}; HttpOnly; SameSite=Lax; Path=/"
            headers.append((b"set-cookie", cookie.encode()))
        return headers

    def _too_large(self, scope):
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return None
        length = _header(scope, b"content-length")
        if not length.isdigit():
            return 411, "Expected a request that tells its length, found one that does not."
        if int(length) > self.most_bytes:
            return 413, f"Expected at most {self.most_bytes} bytes, found {length[:20]}."
        return None


def _header(scope, name):
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def _same(one, other):
    return hmac.compare_digest(one.encode(), other.encode())


async def _answer(send, status, sentence, headers=()):
    body = sentence.encode()
    start = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *headers,
        *HEADERS,
    ]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})


def _with_headers(send):
    async def sent(message):
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
        await send(message)

    return sent
