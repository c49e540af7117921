"""The sandbox's social network as it is at a time: profiles, and lists of people, posts and comments."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from threading import Lock

from entourage.networks.sandbox.people import Kind, People
from entourage.networks.sandbox.posts import Posts
from entourage.networks.sandbox.society import Society

PASSWORD = "sandbox"  # noqa: S105 - no secret: anybody may sign in as anybody here
"""Of every account of the sandbox."""
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Profile:
    """Somebody's profile at a time; `picture` and `path` are where these are on the server."""

    number: int
    id: str
    username: str
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

    @property
    def path(self) -> str:
        """Where the profile's page is."""
        return f"/people/{self.username}"


class Network:
    """The network that follows from a seed and the day it was opened; made when it is first looked at."""

    def __init__(self, seed: int, opened: datetime) -> None:
        self._seed = seed
        self._opened = opened
        self._lock = Lock()
        self._made: Posts | None = None

    @property
    def posts(self) -> Posts:
        """What is posted."""
        if self._made is None:
            with self._lock:  # the first calls may come together, from several threads
                if self._made is None:
                    people = People(self._seed, self._opened)
                    self._made = Posts(people, Society(people))
        return self._made

    @property
    def society(self) -> Society:
        """Who follows whom."""
        return self.posts.society

    @property
    def people(self) -> People:
        """Who there is."""
        return self.posts.people

    def profile(self, number: int, at: int) -> Profile:
        """Somebody's profile at a time."""
        people, society = self.people, self.society
        about = people.about(number)
        native = people.id(number)
        ending = "jpg" if people.kind[number] == Kind.CREATOR else "png"
        return Profile(
            number=number,
            id=native,
            username=people.username(number, at),
            name=about.name,
            biography=about.biography,
            picture=f"/portraits/{native}.{ending}" if about.has_picture else None,
            link=about.link,
            location=about.location,
            followers=society.followers(number).count(at),
            follows=society.followings(number).count(at),
            posts=self.posts.count(number, at),
            is_private=about.is_private,
            is_verified=about.is_verified,
        )

    def may_see(self, who: int | None, number: int, at: int) -> bool:
        """Whether `who` (None: a stranger) may see what somebody posts and whom they know."""
        if not self.people.about(number).is_private or who == number:
            return True
        return who is not None and who in self.society.followers(number).at(at)

    def creators(self, at: int) -> Sequence[Profile]:
        """The creators, those with the most followers first."""
        found = [self.profile(number, at) for number in range(len(self.people.creators))]
        return sorted(found, key=lambda one: -one.followers)


@lru_cache(maxsize=2)
def network(seed: int, opened: datetime) -> Network:
    """The network of this seed and day, the same for everybody in this process."""
    return Network(seed, opened)


def written(number: int) -> str:
    """The id of a post or comment, from its number."""
    digits = ""
    while True:
        number, rest = divmod(number, len(_DIGITS))
        digits = _DIGITS[rest] + digits
        if not number:
            return digits


def read(native_id: str) -> int | None:
    """The number in an id; None where it is none that we wrote."""
    if not native_id or len(native_id) > 12 or (native_id[0] == "0" and native_id != "0"):  # noqa: PLR2004 - none is longer
        return None
    if any(digit not in _DIGITS for digit in native_id):
        return None
    return int(native_id, len(_DIGITS))
