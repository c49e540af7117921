"""What is known of people and posts on networks: one fact an object, the same in memory, in files and from connectors.

The format of a line is documented in docs/contracts/facts.md; it is version 1.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from entourage.kernel.errors import Invalid, Problem

VERSION = 1
"""Of the format; a line that needs a newer one is refused."""
LONGEST_ID = 512
LONGEST_TEXT = 100_000
LONGEST_NETWORK = 64
LARGEST_COUNT = 2**62
AHEAD = timedelta(days=1)
"""Clocks differ, and days of export names are of some time zone; what is said to be seen later is a mistake."""


class _Fact(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", kw_only=True, gc=False):
    """What every fact has: `network` is the connector's name, ids are the network's own.

    Where the network's own id of a person is not known (exports give only names), the id is "@" and the user name; it
    gives way to the real id as soon as a profile tells both. A field that is left out was not told: what is known of it
    stays. None says that there is nothing.
    """

    network: str


class ProfileFact(_Fact, frozen=True, tag="profile", kw_only=True, gc=False):
    """A profile, as it was at `seen_at`. The same profile at another time is history."""

    id: str
    username: str
    seen_at: datetime
    name: str | UnsetType | None = UNSET
    biography: str | UnsetType | None = UNSET
    picture: str | UnsetType | None = UNSET
    link: str | UnsetType | None = UNSET
    location: str | UnsetType | None = UNSET
    followers: int | UnsetType | None = UNSET
    follows: int | UnsetType | None = UNSET
    posts: int | UnsetType | None = UNSET
    is_private: bool | UnsetType | None = UNSET
    is_verified: bool | UnsetType | None = UNSET
    gone: bool = False
    """The network said that this profile is no more (deleted, taken down)."""


class MediaFact(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, gc=False):
    """One picture or film of a post."""

    url: str
    type: Literal["image", "video", "audio", "file"]
    width: int | None = None
    height: int | None = None


class PostFact(_Fact, frozen=True, tag="post", kw_only=True, gc=False):
    """A post, as it was at `seen_at`. `author` is the id of its profile."""

    id: str
    author: str
    seen_at: datetime
    url: str | UnsetType | None = UNSET
    caption: str | UnsetType | None = UNSET
    posted_at: datetime | UnsetType | None = UNSET
    likes: int | UnsetType | None = UNSET
    comments: int | UnsetType | None = UNSET
    media: tuple[MediaFact, ...] | UnsetType = UNSET
    gone: bool = False


class CommentFact(_Fact, frozen=True, tag="comment", kw_only=True, gc=False):
    """A comment of the profile `author` on the post `post`."""

    id: str
    post: str
    author: str
    text: str
    posted_at: datetime | None = None


class LikeFact(_Fact, frozen=True, tag="like", kw_only=True, gc=False):
    """The profile `profile` likes the post `post`."""

    post: str
    profile: str
    seen_at: datetime


class FollowFact(_Fact, frozen=True, tag="follow", kw_only=True, gc=False):
    """`follower` follows `followed`, seen at `seen_at`; `until` is when it was seen to have ended."""

    follower: str
    followed: str
    seen_at: datetime
    until: datetime | None = None


Fact = ProfileFact | PostFact | CommentFact | LikeFact | FollowFact

_decoder = msgspec.json.Decoder(Fact)
_encoder = msgspec.json.Encoder()


def decoded(line: bytes | str, now: datetime | None = None) -> Fact:
    """The fact that a line of JSON tells, as `checked` lets it pass; raises Invalid with the reason in words."""
    try:
        fact = _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(Problem("line", str(error))) from error
    return checked(fact, now)


def encoded(fact: Fact) -> bytes:
    """The fact as a line of JSON, without the line's end."""
    return _encoder.encode(fact)


def checked(fact: Fact, now: datetime | None = None) -> Fact:
    """The fact, if its values can be: ids of 1 to 512 characters, aware times, no negative numbers. Raises Invalid.

    With `now`, nothing may have been seen more than a day after it: it would stay the newest for as long.
    """
    problem = _problem(fact)
    if problem is None and now is not None:
        problem = _early(fact, now + AHEAD)
    if problem is not None:
        raise Invalid(problem)
    return fact


def _problem(fact: Fact) -> Problem | None:
    found = _problem_of_names(fact) or _problem_of_values(fact)
    return found or (_problem_of_media(fact.media) if isinstance(fact, PostFact) else None)


def _problem_of_names(fact: Fact) -> Problem | None:
    if not fact.network or len(fact.network) > LONGEST_NETWORK or "\0" in fact.network:
        return Problem("network", "must be the name of a network")
    for name in _IDS[type(fact)]:
        value = getattr(fact, name)
        if not value or len(value) > LONGEST_ID or "\0" in value:
            return Problem(name, f"must be 1 to {LONGEST_ID} characters")
        if (name == "username" or value[0] == "@") and not value.strip().removeprefix("@").strip():
            return Problem(name, "names nobody")
    return None


def _problem_of_values(fact: Fact) -> Problem | None:
    for name in _MOMENTS[type(fact)]:
        value = getattr(fact, name)
        if isinstance(value, datetime) and (value.tzinfo is None or not _YEARS[0] <= value.year < _YEARS[1]):
            return Problem(name, "must be an RFC 3339 time with its offset, from 1970 on")
    for name in _COUNTS.get(type(fact), ()):
        value = getattr(fact, name)
        if isinstance(value, int) and not 0 <= value <= LARGEST_COUNT:
            return Problem(name, "must be a number from 0 on")
    for name in _TEXTS.get(type(fact), ()):
        value = getattr(fact, name)
        if isinstance(value, str) and (len(value) > LONGEST_TEXT or "\0" in value):
            return Problem(name, f"must be a text of at most {LONGEST_TEXT:,} characters")
    return None


def _problem_of_media(told: Sequence[MediaFact] | UnsetType) -> Problem | None:
    for number, media in enumerate(told or ()):
        if len(media.url) > LONGEST_TEXT or "\0" in media.url:
            return Problem(f"media.{number}.url", f"must be a text of at most {LONGEST_TEXT:,} characters")
        for name, pixels in (("width", media.width), ("height", media.height)):
            if pixels is not None and not 0 <= pixels <= LARGEST_COUNT:
                return Problem(f"media.{number}.{name}", "must be a number from 0 on")
    return None


def _early(fact: Fact, latest: datetime) -> Problem | None:
    for name in _SEEN:
        value = getattr(fact, name, None)
        if value is not None and value > latest:
            return Problem(name, "is more than a day ahead of the clock of this machine")
    return None


_IDS: Mapping[type, Sequence[str]] = {
    ProfileFact: ("id", "username"),
    PostFact: ("id", "author"),
    CommentFact: ("id", "post", "author"),
    LikeFact: ("post", "profile"),
    FollowFact: ("follower", "followed"),
}
_MOMENTS: Mapping[type, Sequence[str]] = {
    ProfileFact: ("seen_at",),
    PostFact: ("seen_at", "posted_at"),
    CommentFact: ("posted_at",),
    LikeFact: ("seen_at",),
    FollowFact: ("seen_at", "until"),
}
_COUNTS: Mapping[type, Sequence[str]] = {
    ProfileFact: ("followers", "follows", "posts"),
    PostFact: ("likes", "comments"),
}
_TEXTS: Mapping[type, Sequence[str]] = {
    ProfileFact: ("name", "biography", "picture", "link", "location"),
    PostFact: ("url", "caption"),
    CommentFact: ("text",),
}
_SEEN = ("seen_at", "until")
_YEARS = (1970, 9999)
