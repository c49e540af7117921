"""How the sandbox's people and posts look as JSON, for its API and for what reads it; see docs/contracts/sandbox.md."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Generic, Literal, TypeVar

import msgspec

from entourage.networks.reading import Listing

SIZES: Mapping[Listing, int] = MappingProxyType({
    Listing.POSTS: 24,
    Listing.FOLLOWERS: 100,
    Listing.FOLLOWINGS: 100,
    Listing.LIKERS: 100,
    Listing.COMMENTS: 50,
    Listing.HASHTAG: 24,
})  # fmt: skip
"""How many entries a page has at most; also how many it has where nobody asks for fewer."""


class Person(msgspec.Struct, frozen=True):
    """A profile."""

    id: str
    username: str
    url: str
    name: str | None
    biography: str | None
    picture: str | None
    link: str | None
    location: str | None
    followers: int
    follows: int
    posts: int
    is_private: bool
    is_verified: bool


class Told(msgspec.Struct, frozen=True):
    """The answer about one profile: as it is `at` this time."""

    at: datetime
    profile: Person


class Medium(msgspec.Struct, frozen=True):
    """A picture or film of a post."""

    url: str
    type: Literal["image", "video"]
    width: int
    height: int


class Post(msgspec.Struct, frozen=True):
    """A post; `author` is a person's id."""

    id: str
    author: str
    url: str
    caption: str | None
    posted_at: datetime
    likes: int
    comments: int
    media: tuple[Medium, ...]


class Comment(msgspec.Struct, frozen=True):
    """A comment and who made it."""

    id: str
    author: Person
    text: str
    posted_at: datetime


T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True):
    """A page of a list, as it was `at` this time; `next` is the cursor of the next one, None at the end.

    `authors` are those of the posts where these are of several people.
    """

    at: datetime
    items: Sequence[T]
    next: str | None
    authors: Sequence[Person] = ()


class SignedIn(msgspec.Struct, frozen=True):
    """Who signed in, and the token that proves it."""

    id: str
    username: str
    token: str


class Sorry(msgspec.Struct, frozen=True):
    """What went wrong: a word for programs, a sentence for people, and where a person can help."""

    error: str
    message: str
    url: str | None = None
