"""Reading people: the ability of a connector to tell who somebody is, what they post, and who follows and answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from entourage.kernel.world import World
from entourage.networks.facts import Fact, ProfileFact


class Listing(StrEnum):
    """What can be listed, page by page."""

    POSTS = "posts"
    """Posts of a profile, newest first, with their media."""
    FOLLOWERS = "followers"
    FOLLOWINGS = "followings"
    LIKERS = "likers"
    """Profiles who like a post."""
    COMMENTS = "comments"
    """Comments on a post, with their authors."""
    HASHTAG = "hashtag"
    """Posts with a hashtag, newest first, with their authors."""


@dataclass(frozen=True, slots=True)
class Access:
    """The way into a network: where it is, and for whom we ask. Secrets are only ever in memory here.

    `session` is whatever the connector got from `sign_in` (opaque, JSON-able); None reads as a stranger.
    """

    world: World
    server: str
    """Where the network's API is, as https://bsky.social."""
    session: Mapping[str, str] | None = None
    on_session: "Renewed | None" = None
    """Told when the connector got a newer session (rotated tokens); it is stored sealed."""


class Renewed(Protocol):
    """Keeps a session that replaces the one before."""

    def __call__(self, session: Mapping[str, str]) -> None:
        """Keep it."""
        ...


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who we are on a network now, and what proves it."""

    id: str
    username: str
    session: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Batch:
    """One page of a listing: facts in the network's order, and where the next page begins.

    `cursor` None means the end, and only the network says so: one that repeats itself is passed on. It is opaque, can
    be stored and used again after a restart. Each entry of a listing of people comes as the edge (follow, like or
    comment) and the profile as far as it was told.
    """

    facts: Sequence[Fact]
    cursor: str | None
    entries: int
    """How many of what was asked for are told: of posts, those that the profile wrote itself."""
    withheld: int = 0
    """How many others the network listed of whom nothing is told, because they ask to be left alone."""
    calls: int = 1
    """How many calls of the network it took."""


THIN = 4
"""A page that brings less than a fourth of what a full one does is thin; servers may have shorter pages than others."""
THIN_PAGES = 5
"""So many thin pages of a listing are read before no more are asked for."""


class Reads(Protocol):
    """Reads people and posts. A module satisfies this by having these names.

    Every call raises: NotFound (no such profile or post; deleted), NotAllowed (private, blocked), Throttled (429, with
    its wait), Challenged (a person is wanted, taken down, logged out for good), Unauthenticated (the credentials or the
    session do not count), Unreachable (5xx, timeouts), Damaged (HTML or broken JSON where JSON was promised).
    """

    NAME: str
    DISPLAY_NAME: str
    SERVER: str
    """The server that is meant where nobody names one; empty where one must be named."""
    CREDENTIALS: Sequence[tuple[str, str]]
    """What `sign_in` wants: (name, words for people); the last is a secret. Empty where reading needs none."""
    LISTINGS: Mapping[Listing, int]
    """What can be listed, and how many entries one call brings at most."""
    MORE_CALLS: Mapping[str, int]
    """What "profile", or a listing, may take at most beyond one call and one for each full page."""
    CALLS_PER_HOUR: int
    """A pace that this network bears, for all calls of one account together."""

    def at_home(self, server: str, session: Mapping[str, str] | None, of: str) -> bool:
        """Whether this server would know of the profile or post with the id `of` if it still was there.

        Elsewhere NotFound says only that nobody told this server of it.
        """
        ...

    async def sign_in(self, access: Access, given: Mapping[str, str]) -> SignedIn:
        """Prove who we are, with what CREDENTIALS asks for; raises Unauthenticated for wrong ones."""
        ...

    async def profile(self, access: Access, who: str) -> ProfileFact:
        """The profile `who`: an id of the network, or "@" and a user name."""
        ...

    async def listing(self, access: Access, what: Listing, of: str, cursor: str | None = None) -> Batch:
        """One page of `what`, of a profile's id, a post's id or a hashtag (without #), from `cursor` on."""
        ...


PATIENCE = timedelta(seconds=30)
"""How long one call may take."""
