"""What watching a channel means: whom, how often, how deep; and what a run has left to ask. Pure data and rules."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlsplit

from entourage.kernel.errors import Invalid, Problem
from entourage.networks.facts import CommentFact, Fact, FollowFact, LikeFact, PostFact, ProfileFact
from entourage.networks.reading import THIN, THIN_PAGES, Batch, Listing, Reads

PROFILE = "profile"
"""The step that every run begins with; the others are named after their listing."""
EVERY_HOURS = 24
MOST_HOURS = 744
IDLE = 2
"""After so many pages in a row without anything new a listing is not read further."""
MOST_NOTES = 20


@dataclass(frozen=True, slots=True)
class Depth:
    """How much of a channel is looked at in a run: the most entries of each listing; 0 leaves it out.

    `likers` and `comments` are for each of the newest `likers_of` and `comments_of` posts.
    """

    posts: int = 50
    followers: int = 500
    followings: int = 0
    likers_of: int = 5
    likers: int = 100
    comments_of: int = 5
    comments: int = 100


_MOST = Depth(10_000, 10_000_000, 100_000, 100, 100_000, 100, 100_000)


def checked_depth(depth: Depth) -> Depth:
    """The depth, if it can be; raises Invalid naming each field."""
    problems = [
        Problem(f"depth.{one.name}", f"must be from 0 to {getattr(_MOST, one.name):,}")
        for one in fields(Depth)
        if not 0 <= getattr(depth, one.name) <= getattr(_MOST, one.name)
    ]
    problems += [
        Problem(f"depth.{name}", "cannot be more than the posts that are looked at")
        for name in ("likers_of", "comments_of")
        if getattr(depth, name) > depth.posts
    ]
    if problems:
        raise Invalid(*problems)
    return depth


@dataclass(frozen=True, slots=True)
class Wish:
    """Whom to watch: "@" and a user name, or the network's own id. `server` may be left out where there is only one."""

    network: str
    who: str
    server: str = ""
    connection_id: int | None = None
    every_hours: int = EVERY_HOURS
    depth: Depth = field(default_factory=Depth)


class Status(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Plan:
    """A channel that is watched. `next_at` is when it is looked at in full depth again; None while paused."""

    id: int
    owner: int
    connection_id: int | None
    network: str
    server: str
    who: str
    channel_id: int | None
    every_hours: int
    depth: Depth
    paused: bool
    created_at: datetime
    next_at: datetime | None

    @property
    def lane(self) -> str:
        """The lane of everything that touches this network's server."""
        return network_lane(self.network, self.server)

    @property
    def lanes(self) -> Sequence[str]:
        """Every lane that a call for this plan belongs to; the last is the one that a limit or challenge concerns."""
        return (self.lane,) if self.connection_id is None else (self.lane, f"account/{self.connection_id}")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to ask, page after page: a listing of the channel, or of the post `of`. `left`: entries still wanted.

    `cursor` is where the next page begins; `anchor` and `page` are marks by which a listing that goes round in circles
    is found out (Brent's method: an anchor that moves ahead in growing steps, in constant space). `size` is how much a
    full page has, `thin` how many pages had hardly anything of it; `withheld` are the entries of people who ask to be
    left alone.
    """

    what: str
    of: str = ""
    left: int = 0
    cursor: str | None = None
    pages: int = 0
    seen: int = 0
    idle: int = 0
    anchor: tuple[str, str] | None = None
    page: str | None = None
    size: int = 0
    thin: int = 0
    withheld: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """How many were looked at, of how many (None: nobody said), and whether these were all."""

    size: int
    population: int | None
    whole: bool


@dataclass(frozen=True, slots=True)
class Newest:
    """A post whose likers and comments are asked for; the counts as the network told them."""

    id: str
    likes: int | None = None
    comments: int | None = None


@dataclass(frozen=True, slots=True)
class Todo:
    """What a run has left to ask (the first step is next), and what it must remember until its end."""

    steps: tuple[Step, ...]
    deep: bool
    id: str | None = None
    """The channel's id, once its profile was seen."""
    populations: Mapping[str, int] = field(default_factory=dict[str, int])
    newest: tuple[Newest, ...] = ()
    samples: Mapping[str, Sample] = field(default_factory=dict[str, Sample])
    notes: tuple[str, ...] = ()
    failures: int = 0
    """Steps in a row that could not be read."""
    waits: int = 0
    """Times in a row that the network asked us to wait."""

    def noted(self, *notes: str) -> "Todo":
        """With notes added, each once."""
        fresh = [note for note in notes if note and note not in self.notes]
        return replace(self, notes=(*self.notes, *fresh)[:MOST_NOTES]) if fresh else self

    def sampled(self, what: str, more: Sample) -> "Todo":
        """With one more look at a kind of list; those at several posts are added up."""
        before = self.samples.get(what)
        if before is not None:
            known = before.population is not None and more.population is not None
            population = (before.population or 0) + (more.population or 0) if known else None
            more = Sample(before.size + more.size, population, before.whole and more.whole)
        return replace(self, samples={**self.samples, what: more})


@dataclass(frozen=True, slots=True)
class Collection:
    """One run of a plan: the calls it took, the entries of each kind it brought, and why it failed if it did."""

    id: int
    plan_id: int
    status: Status
    started_at: datetime
    finished_at: datetime | None
    todo: Todo
    calls: int
    counts: Mapping[str, int]
    error: str | None

    @property
    def notes(self) -> Sequence[str]:
        """What could not be had, in words for people."""
        return self.todo.notes

    @property
    def step(self) -> Step | None:
        """What is asked next; None at the end."""
        return self.todo.steps[0] if self.todo.steps else None


def network_lane(network: str, server: str) -> str:
    """The lane of a network's server."""
    return f"network/{network}@{urlsplit(server).netloc}"


_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def server_of(reader: Reads, server: str) -> str:
    """A server's address in its one form (https://example.org); raises Invalid for what is none."""
    text = server.strip() or reader.SERVER
    if not text:
        raise Invalid(Problem("server", f"{reader.DISPLAY_NAME} has many servers; name one, such as example.social"))
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    if not host or parts.username or parts.query or parts.path not in {"", "/"} or any(c.isspace() for c in text):
        raise Invalid(Problem("server", "must be the address of a server, such as https://example.social"))
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        raise Invalid(Problem("server", "must be reached by https"))
    shown = f"[{host}]" if ":" in host else host
    usual = 443 if parts.scheme == "https" else 80
    return f"{parts.scheme}://{shown}" + (f":{port}" if port not in {None, usual} else "")


def first_steps(*, deep: bool) -> Todo:
    """Where a run begins: with the profile, and with nothing else where it is only the daily look."""
    return Todo((Step(PROFILE),), deep)


def channel_steps(depth: Depth, listings: Mapping[Listing, int]) -> tuple[Step, ...]:
    """What a run in full depth asks of the channel, as far as the network lists it."""
    wanted = (
        (Listing.POSTS, depth.posts),
        (Listing.FOLLOWERS, depth.followers),
        (Listing.FOLLOWINGS, depth.followings),
    )
    return tuple(_listing(what, "", most, listings) for what, most in wanted if most and what in listings)


def _listing(what: Listing, of: str, most: int, listings: Mapping[Listing, int]) -> Step:
    return Step(str(what), of, most, size=listings[what])


def post_steps(depth: Depth, listings: Mapping[Listing, int], newest: Sequence[Newest]) -> Sequence[Step]:
    """What is asked of the newest posts; not of those that the network says to have no likes or comments."""
    steps: list[Step] = []
    for what, of, most in (
        (Listing.LIKERS, depth.likers_of, depth.likers),
        (Listing.COMMENTS, depth.comments_of, depth.comments),
    ):
        if most and what in listings:
            told = [(post, post.likes if what is Listing.LIKERS else post.comments) for post in newest[:of]]
            steps += [_listing(what, post.id, most, listings) for post, count in told if count != 0]
    return steps


def population_of(todo: Todo, step: Step) -> int | None:
    """How many entries the network says that a step's listing has."""
    if not step.of:
        return todo.populations.get(step.what)
    post = next((one for one in todo.newest if one.id == step.of), None)
    if post is None:
        return None
    return post.likes if step.what == Listing.LIKERS else post.comments


@dataclass(frozen=True, slots=True)
class Turn:
    """What a page makes of its step: the step as it goes on (None: over), whether all was seen, a word about it."""

    step: Step | None
    seen: int
    withheld: int = 0
    whole: bool = False
    note: str = ""


def turn(step: Step, batch: Batch) -> Turn:
    """Read on from a page: until the end, until enough was seen, or until it is no use.

    That is where the listing goes round in circles, or where its pages bring hardly anything of what was asked for. A
    page of which nothing is told is no repetition: only its cursor can be one.
    """
    page = _mark(*sorted(_names(batch.facts))) if batch.facts else None
    stale = page is not None and (page == step.page or (step.anchor is not None and page == step.anchor[1]))
    listed, withheld = (0, step.withheld) if stale else (batch.entries, step.withheld + batch.withheld)
    seen, left, pages = step.seen + listed, step.left - listed - (withheld - step.withheld), step.pages + 1
    over = Turn(None, seen, withheld)
    if batch.cursor is None:
        return replace(over, whole=True)
    if left <= 0:
        return over
    here, idle = _mark(batch.cursor), step.idle + 1 if stale else 0
    circles = batch.cursor == step.cursor or (step.anchor is not None and here == step.anchor[0])
    if circles or idle >= IDLE:
        return replace(over, note=f"The network's list of {step.what} repeats itself; it was left after {pages} pages.")
    thin = step.thin + (THIN * (batch.entries + batch.withheld) < step.size)
    if thin > THIN_PAGES:
        return replace(over, note=f"{pages} pages of {step.what} brought only {seen:,}; no more were asked for.")
    further = replace(
        step, left=left, cursor=batch.cursor, pages=pages, seen=seen, idle=idle, thin=thin, page=page or step.page,
        anchor=(here, page or "") if pages & (pages - 1) == 0 else step.anchor, withheld=withheld,
    )  # fmt: skip
    return Turn(further, seen, withheld)


def _names(facts: Sequence[Fact]) -> Sequence[str]:
    """What a page is about, whatever it says of it."""
    names: list[str] = []
    for fact in facts:
        match fact:
            case ProfileFact() | PostFact() | CommentFact():
                names.append(fact.id)
            case LikeFact():
                names.append(f"{fact.profile} {fact.post}")
            case FollowFact():
                names.append(f"{fact.follower} {fact.followed}")
    return names


def _mark(*texts: str) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for text in texts:
        digest.update(f"{len(text)}:{text}".encode())
    return digest.hexdigest()
