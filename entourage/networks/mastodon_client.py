"""Mastodon.py behind the egress gate: questions to a server, in a thread, with its errors in our words.

It loads in a third of a second and takes 35 MB, so `networks/mastodon.py` imports this only when somebody calls.
"""

import asyncio
import io
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, TypeVar, cast

import requests
from mastodon import Mastodon
from mastodon.errors import (
    MastodonAPIError,
    MastodonError,
    MastodonNetworkError,
    MastodonNotFoundError,
    MastodonRatelimitError,
)
from requests.adapters import HTTPAdapter

from entourage.kernel import answers
from entourage.kernel.errors import (
    Challenged,
    Damaged,
    EntourageError,
    Invalid,
    NotAllowed,
    NotFound,
    Problem,
    Throttled,
    Unauthenticated,
    Unreachable,
)
from entourage.kernel.transfer import USER_AGENT
from entourage.networks.reading import PATIENCE, Access
from entourage.networks.told import Told, moment, part, parts, sentence, words
from entourage.networks.trust import LARGEST, bundle

_CHUNK = 65_536
_THREADS = ThreadPoolExecutor(16, "mastodon")
"""Of its own: a server may keep one waiting for half a minute, and the loop's threads are few and everybody's."""
_T = TypeVar("_T")


class Server:
    """A Mastodon server as it answers one member, or strangers; made for a single call."""

    def __init__(self, address: str, token: str | None, proxy: str) -> None:
        session = requests.Session()
        session.trust_env = False
        session.proxies = {"http": proxy, "https": proxy}
        session.verify = bundle()
        self._session = session
        self._adapter = _Bounded()
        session.mount("https://", self._adapter)
        session.mount("http://", self._adapter)
        # No version is asked for: it would cost a call, and is wanted only for endpoints that we do not use.
        self._api = Mastodon(
            api_base_url=address,
            session=session,
            ratelimit_method="throw",
            request_timeout=PATIENCE.total_seconds(),
            version_check_mode="none",
            user_agent=USER_AGENT,
        )
        # Not given above: there it may also be the name of a file, whose first line would be sent as the token.
        self._api.access_token = token

    @property
    def calls(self) -> int:
        """How many calls were made so far."""
        return self._adapter.sent

    def name(self) -> str:
        """What the server calls itself in the names of its people."""
        try:
            _ = self._api.instance_v2()
            told = words(part(self._told()).get("domain"))
        except MastodonNotFoundError:  # before Mastodon 4
            _ = self._api.instance_v1()
            told = words(part(self._told()).get("uri"))
        name = (told or "").removeprefix("https://").strip("/").lower()
        if not name or "@" in name or "/" in name:
            raise Damaged("What answered is no Mastodon server: it does not say its name.")
        return name

    def me(self) -> Told:
        """The account whose token is used."""
        _ = self._api.account_verify_credentials()
        return part(self._told())

    def known(self, name: str) -> Told | None:
        """The account called name or name@host, if the server knows it."""
        try:
            _ = self._api.account_lookup(name)
            return part(self._told())
        except MastodonNotFoundError:
            if not self.said():
                raise
            return None

    def sought(self, name: str) -> Sequence[Told]:
        """The accounts that the server finds when it looks for name@host elsewhere, too."""
        _ = self._api.account_search(name, limit=1, resolve=True)
        return parts(self._told())

    def is_blocked_by(self, number: str) -> bool:
        """Whether the account of this number has blocked the one whose token is used, where the server says so."""
        try:
            _ = self._api.account_relationships(number)
        except MastodonAPIError:
            # Not offered, or not within the rights of a token that may read all that is asked for otherwise.
            if self._adapter.status == HTTPStatus.NOT_FOUND or "scope" in self.said():
                return False
            raise
        return any(one.get("blocked_by") is True for one in parts(self._told()))

    def post(self, uri: str) -> Told | None:
        """The post at this ActivityPub address, fetched by the server where it does not know it."""
        # The library's own function asks for the server's version first, twice.
        answer, _ = self.page("/api/v2/search", {"q": uri, "type": "statuses", "resolve": "1", "limit": 1})
        found = parts(part(answer).get("statuses"))
        return found[0] if found else None

    def answers(self, number: str) -> object:
        """All that was answered to a post, at any depth."""
        _ = self._api.status_context(number)
        return part(self._told()).get("descendants")

    def page(self, path: str, params: Mapping[str, str | int]) -> tuple[object, str | None]:
        """A page of a listing, and the `max_id` of the next one (the library's own functions do not page them all)."""
        given = {"_pagination_method": "GET", "_pagination_endpoint": path, **params}
        answer = self._api.fetch_next(cast("Any", given))
        following = part(getattr(answer, "_pagination_next", None)).get("max_id")
        return self._told(), None if following is None else str(following)

    def wait(self) -> float | None:
        """How many seconds the server wants to be left alone, if it said."""
        headers = {name.lower(): value for name, value in self._adapter.headers.items()}
        told, until = answers.retry_after(headers), moment(headers.get("x-ratelimit-reset"))
        if told is not None or until is None:
            return told
        now = answers.moment(headers.get("date")) or datetime.now(UTC)  # by its own clock
        return (until - now).total_seconds()

    def said(self) -> str:
        """The error that the last answer named, if it was one of Mastodon (the library loses it in some calls)."""
        try:
            return sentence(part(self._told()).get("error"))
        except ValueError:
            return ""

    def _told(self) -> object:
        """The last answer, as it was sent: what the library makes of it bends other shapes into those it expects."""
        return json.loads(self._adapter.body)

    def close(self) -> None:
        """Leave the server."""
        self._session.close()


async def asked(access: Access, address: str, token: str | None, question: Callable[[Server], _T]) -> _T:
    """What `question` finds out at a server; it runs in a thread, and what fails there is raised in our words."""
    if token is not None and not (token.isascii() and token.isprintable()):
        raise Unauthenticated("This is no access token.")
    server: Server | None = None
    try:
        # When the time is over the proxy's connections are cut, and with them what the thread waits for.
        async with asyncio.timeout(PATIENCE.total_seconds()), access.world.granted() as proxy:
            server = Server(address, token, proxy)
            return await asyncio.get_running_loop().run_in_executor(_THREADS, question, server)
    except EntourageError:
        raise
    except (MastodonError, requests.RequestException, OSError) as error:
        raise _ours(error, server, stranger=token is None) from error
    except (TypeError, ValueError, LookupError, AttributeError, RecursionError) as error:
        raise Damaged("What the server answered could not be read.") from error  # the library trips over odd shapes
    finally:
        if server is not None:
            server.close()


class _Bounded(HTTPAdapter):
    """Reads each answer whole, up to a size: compressed or not, nobody can fill our memory."""

    status: int
    headers: Mapping[str, str]
    """Of the last answer."""
    body: bytes
    sent: int
    """How many requests."""

    def __init__(self) -> None:
        super().__init__()
        self.status, self.headers, self.body, self.sent = 0, {}, b"", 0

    def send(self, request: requests.PreparedRequest, *given: Any, **named: Any) -> requests.Response:
        """See HTTPAdapter."""
        self.sent += 1
        answer = super().send(request, *given, **{**named, "stream": True})
        body = bytearray()
        try:
            for chunk in answer.iter_content(_CHUNK):
                body += chunk
                if len(body) > LARGEST:
                    raise Damaged("The answer of the server was far too large; it was thrown away.")
        finally:
            answer.close()
        self.status, self.headers, self.body = answer.status_code, answer.headers, bytes(body)
        whole = requests.Response()
        whole.status_code, whole.reason, whole.url = answer.status_code, answer.reason, answer.url
        whole.headers, whole.encoding, whole.request = answer.headers.copy(), answer.encoding, request
        # The library refuses whole answers for a time in here that it cannot read; `wait` reads it where it matters.
        _ = whole.headers.pop("X-RateLimit-Reset", None)
        whole.raw = io.BytesIO(self.body)
        return whole


def _ours(error: Exception, server: Server | None, *, stranger: bool) -> EntourageError:
    if isinstance(error, MastodonNetworkError) and isinstance(error.__context__, EntourageError):
        return error.__context__
    if isinstance(error, MastodonRatelimitError):
        return Throttled("The server asks us to slow down.", server.wait() if server is not None else None)
    if isinstance(error, MastodonAPIError):
        if server is None or len(error.args) != len(_TOLD):
            return Damaged("What answered is no Mastodon server: it sent something else than JSON.")
        return _refused(int(error.args[1]), server.said(), stranger=stranger)
    return Unreachable("The server could not be reached, or did not answer in time.")


_TOLD = ("what", "status", "reason", "message")
"""What the library's errors carry for an answer that is no success."""
_LOCKED = ("disabled", "pending", "confirm", "suspended", "frozen")


def _refused(status: int, said: str, *, stranger: bool) -> EntourageError:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unreachable(f"The server has a problem of its own (it answered {status}).")
    if not said:
        return Damaged(f"What answered is no Mastodon server that offers this ({status}).")
    if status == HTTPStatus.UNAUTHORIZED:
        wanted = "This server answers only those who have signed in; connect an account there."
        return Unauthenticated(wanted if stranger else "The server does not accept this access token (any more).")
    return _said(status, said)


def _said(status: int, said: str) -> EntourageError:
    match status:
        case HTTPStatus.NOT_FOUND | HTTPStatus.GONE:
            return NotFound("The server knows nothing under this name.")
        case HTTPStatus.FORBIDDEN if any(word in said for word in _LOCKED):
            return Challenged(f"The server wants the owner of this account: {said}")
        case HTTPStatus.FORBIDDEN if "scope" in said:
            return Unauthenticated("This access token lacks the right to read.")
        case HTTPStatus.FORBIDDEN:
            return NotAllowed(f"The server does not allow that: {said}")
        case _:
            return Invalid(Problem("request", said))
