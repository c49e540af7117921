"""Signing in and out: the section "Authentication Endpoints"."""

from litestar import get, post

from entourage.accounts import sessions, tokens, users
from entourage.doors.asking import Asked, body
from entourage.doors.door import Reply, guest_of, visit_of
from entourage.doors.media import shaping, wire
from entourage.doors.media.dialect import answer, done


@post("/auth/login", status_code=200)
async def log_in(request: Asked) -> Reply:
    """A first pair of tokens for a name and its password."""
    asked, house = await body(request, wire.Login), guest_of(request).house
    user = await sessions.log_in(house.database, asked.username, asked.password)
    return answer(shaping.tokens(await house.database.write(tokens.issue, house.keys, user)))


@post("/auth/refresh", status_code=200)
async def refresh_tokens(request: Asked) -> Reply:
    """The next pair of tokens for a refresh token, which works once."""
    asked, house = await body(request, wire.Refresh), guest_of(request).house
    return answer(shaping.refreshed(await tokens.refresh(house.database, house.keys, asked.refresh_token)))


@get("/auth/me")
async def get_me(request: Asked) -> Reply:
    """Who the access token belongs to."""
    visit = visit_of(request)
    return answer(shaping.me(await visit.read(users.get, visit.actor.user_id)))


@post("/auth/logout")
async def log_out(request: Asked) -> Reply:
    """The access token, and the refresh token that came with it, count no more."""
    visit = visit_of(request)
    if visit.token is not None:
        await visit.house.database.write(tokens.log_out, visit.house.keys, visit.token)
        visit.house.verifier.forget_all()
    return done()


HANDLERS = [log_in, refresh_tokens, get_me, log_out]
