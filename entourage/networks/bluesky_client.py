"""The SDK of the AT Protocol behind the egress gate: one call, its answer as plain JSON, its errors in our words.

Loading the SDK takes more than a second and 78 MB, so `networks/bluesky.py` imports this only when somebody calls.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import cast

import httpx
from atproto_client import AsyncClient, SessionEvent
from atproto_client.client.session import Session
from atproto_client.exceptions import (
    BadRequestError,
    LoginRequiredError,
    ModelError,
    RateLimitExceededError,
    RequestErrorBase,
    UnauthorizedError,
)
from atproto_client.models.base import ParamsModelBase
from atproto_client.models.dot_dict import DotDict
from atproto_client.request import AsyncRequest
from atproto_core.exceptions import AtProtocolError
from atproto_server.exceptions import TokenDecodeError

from entourage.kernel.answers import retry_after
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
from entourage.networks.reading import PATIENCE, Access, SignedIn
from entourage.networks.told import Told, part, sentence
from entourage.networks.trust import LARGEST, context

_SESSION = "session"
_OURS = frozenset({"AccountTakedown", "AccountSuspended", "AccountDeactivated", "AccountMigrated"})
_STALE = frozenset({"ExpiredToken", "InvalidToken"})
_UNKNOWN = frozenset(
    {"NotFound", "RecordNotFound", "RepoNotFound", "RepoTakendown", "RepoSuspended", "RepoDeactivated"}
)


async def signed_in(access: Access, server: str, handle: str, password: str) -> SignedIn:
    """A new session for `handle`."""
    async with _client(access, server) as client:
        _ = await client.login(handle, password, fetch_bsky_profile=False)
        session = Session.decode(client.export_session_string())
        _check(server, session)
        return SignedIn(session.did, session.handle, {_SESSION: session.encode()})


async def asked(access: Access, server: str, method: str, params: Mapping[str, str | int]) -> Told:
    """What `method` answers to `params`: one call, and one more where the session had to be renewed."""
    async with _client(access, server) as client:
        if access.session is not None:
            _ = await client.login(session_string=_stored(access.session), fetch_bsky_profile=False)
        try:
            answer = await client.invoke_query(method, params=_params(params))
        except BadRequestError as error:
            if access.session is None or _named(error)[0] != "ExpiredToken":
                raise
            # The SDK renews by its own clock; ours may be late.
            await client._refresh_and_set_session()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
            answer = await client.invoke_query(method, params=_params(params))
        if not isinstance(answer.content, dict):
            raise Damaged("What answered is no Bluesky server: it sent something else than JSON.")
        return part(answer.content)


@contextlib.asynccontextmanager
async def _client(access: Access, server: str) -> AsyncGenerator[AsyncClient]:
    """A client whose only way out is the egress gate; whatever fails inside is raised in our words."""
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()), access.world.granted() as proxy:
            transport = _Bounded(httpx.AsyncHTTPTransport(proxy=proxy, verify=context(), trust_env=False))
            request = AsyncRequest(transport=transport, trust_env=False, timeout=PATIENCE.total_seconds())
            request.add_additional_header("User-Agent", USER_AGENT)
            client = AsyncClient(server, request)

            def renewed(event: SessionEvent, session: Session) -> None:
                if event is SessionEvent.REFRESH:
                    _check(server, session)
                    if access.on_session is not None:
                        access.on_session({_SESSION: session.encode()})

            client.on_session_change(renewed)
            try:
                yield client
            finally:
                await request.close()
    except EntourageError:
        raise
    except (AtProtocolError, httpx.HTTPError, TimeoutError, OSError, ValueError) as error:
        raise _ours(error, stranger=access.session is None) from error


class _Bounded(httpx.AsyncBaseTransport):
    """Reads each answer whole, up to a size: compressed or not, nobody can fill our memory."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._inner.handle_async_request(request)
        body = bytearray()
        try:
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > LARGEST:
                    raise Damaged("The answer of the server was far too large; it was thrown away.")
        finally:
            await answer.aclose()
        headers = [(name, value) for name, value in answer.headers.raw if name.lower() not in _ENVELOPE]
        return httpx.Response(answer.status_code, headers=headers, content=bytes(body))

    async def aclose(self) -> None:
        await self._inner.aclose()


_ENVELOPE = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})


def _stored(session: Mapping[str, str]) -> str:
    text = session.get(_SESSION, "")
    try:
        _ = Session.decode(text)
    except ValueError:
        raise Unauthenticated("The stored session of this Bluesky account cannot be read; sign in again.") from None
    return text


def _check(server: str, session: Session) -> None:
    """Nobody who was reached over TLS may send us, and our tokens, to a place without it."""
    if server.startswith("https:") and not (session.pds_endpoint or "").startswith("https:"):
        raise Damaged("The server named an unprotected address for this account; nothing was sent there.")


def _params(params: Mapping[str, str | int]) -> ParamsModelBase:
    # The SDK takes this in place of its models, which would refuse whole answers for one field that they do not know.
    return cast("ParamsModelBase", DotDict(dict(params)))


def _named(error: RequestErrorBase) -> tuple[str, str]:
    """The error's name and message as XRPC has them; empty where the answer was no XRPC."""
    content = error.response.content if error.response is not None else None
    if isinstance(content, DotDict):
        content = content.to_dict()
    told = content if isinstance(content, Mapping) else {name: getattr(content, name, "") for name in _XRPC}
    return sentence(told.get("error")), sentence(told.get("message"))


_XRPC = ("error", "message")


def _ours(error: Exception, *, stranger: bool) -> EntourageError:
    if isinstance(error, RateLimitExceededError):
        return Throttled("Bluesky asks us to slow down.", _wait(error))
    if isinstance(error, LoginRequiredError | TokenDecodeError):
        return Unauthenticated("The session of this Bluesky account does not count any more; sign in again.")
    if isinstance(error, RequestErrorBase) and error.response is not None:
        return _answered(error, error.response.status_code, stranger=stranger)
    if isinstance(error, ModelError | httpx.DecodingError | ValueError):
        return Damaged("What Bluesky answered could not be read.")
    return Unreachable("Bluesky could not be reached, or did not answer in time.")


def _answered(error: RequestErrorBase, status: int, *, stranger: bool) -> EntourageError:
    name, message = _named(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED:
        return Unreachable(f"Bluesky has a problem of its own (it answered {status}).")
    if isinstance(error, UnauthorizedError) and name:
        return _unwelcome(name, message, status, stranger=stranger)
    if not isinstance(error, BadRequestError) or not name:
        return Damaged(f"What answered is no Bluesky server that offers this ({status}).")
    if name.startswith("Blocked"):
        return NotAllowed("This account and the one we read with are blocked from each other.")
    if name in _STALE:
        return Unauthenticated("The session of this Bluesky account has ended; sign in again.")
    unknown = name in _UNKNOWN or name in _OURS or "not found" in message.lower()
    return NotFound(message or name) if unknown else Invalid(Problem("request", message or name))


def _unwelcome(name: str, message: str, status: int, *, stranger: bool) -> EntourageError:
    """What 401 and 403 mean: they speak of the account that asks."""
    if name in _OURS:
        return Challenged(f"Bluesky has closed or suspended the account that we read with: {message or name}.")
    if name == "AuthFactorTokenRequired":
        return Unauthenticated("This is the main password, and Bluesky sent a code by e-mail; use an app password.")
    if status == HTTPStatus.FORBIDDEN and not stranger:
        return NotAllowed(message or "Bluesky does not allow this account to see that.")
    if stranger and name != "AuthenticationRequired":
        return Unauthenticated("This server answers only those who sign in; connect a Bluesky account.")
    return Unauthenticated(message or "Bluesky does not accept these credentials.")


def _wait(error: RateLimitExceededError) -> float | None:
    headers = {name.lower(): value for name, value in error.response.headers.items()} if error.response else {}
    told = retry_after(headers)
    if told is not None:
        return told
    try:
        until = datetime.fromtimestamp(int(headers.get("ratelimit-reset", "")), UTC)
    except (ValueError, OverflowError, OSError):  # not told, or no moment (such as milliseconds)
        return None
    return (until - datetime.now(UTC)).total_seconds()
