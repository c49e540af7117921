"""What is written in the sandbox's forum: threads and posts that follow from a seed, and those that come with time."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from entourage.networks.sandbox.pictures import Picture, pictures

PER_PAGE = 10
OPENED = datetime(2026, 1, 5, 9, tzinfo=UTC)
"""When the forum was opened, unless it is told otherwise: all its first posts are from the weeks before."""
MOST_GROWN = 60
"""So many posts come after each start, then the talk falls silent."""
LOST = "lost-roll"
"""A picture that a post shows and that is not there."""
FILMS = ("hilltop-sunset", "mountain-path")

PEOPLE = ("harbour", "lichen", "pebble", "saltmarsh", "juniper", "tern", "cobble", "drizzle")
_MOTTOES = (
    "Slow is fine.",
    "Mostly outdoors.",
    "Looks better in the rain.",
    "",
    "North side of the stone.",
    "",
    "",
    "",
)
_SAID = (
    "{title}. I waited a while for the light and then it was gone again.",
    "Here is one more: {lower}.",
    "{title}, taken without a tripod, so please be kind.",
    "Found this one while tidying up: {lower}.",
    "{title}. Nothing was moved and nothing was cleaned.",
    "This is {lower}. I like the corners best.",
    "{title}, as promised.",
    "Second try at the same place: {lower}.",
)
_ASIDE = (
    "That came out well.",
    "I know that place, it is never that quiet.",
    "Which hour of the day was this?",
    "The colours are what I remember of it too.",
    "Thank you for showing it in full size.",
    "I would not have thought of standing there.",
)


class How(StrEnum):
    """How a post shows a picture."""

    INLINE = "inline"
    """In full, in the text."""
    ATTACHED = "attached"
    """As an attachment: a thumbnail that leads to it."""
    LINKED = "linked"
    """As a thumbnail in the text that links to the whole picture."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture in a post."""

    picture: Picture
    how: How
    attachment: int

    @property
    def address(self) -> str:
        """The path of the picture in full size."""
        name = self.picture.name
        return f"/attachments/{name}-jpg.{self.attachment}/" if self.how is How.ATTACHED else f"/pictures/{name}.jpg"

    @property
    def thumbnail(self) -> str:
        """The path of the small picture."""
        name = self.picture.name
        return (
            f"/data/attachments/0/{self.attachment}-{name}.jpg" if self.how is How.ATTACHED else f"/thumbs/{name}.jpg"
        )


@dataclass(frozen=True, slots=True)
class Post:
    """One post: `number` counts within the thread, `id` within the forum."""

    id: int
    number: int
    author: str
    at: datetime
    said: tuple[str, ...]
    shown: tuple[Shown, ...]
    smiles: bool = False
    film: str | None = None
    loses: bool = False
    """Whether it also shows the picture that is not there."""
    quoted: "Post | None" = None

    @property
    def film_id(self) -> int:
        """The number of the attached film."""
        return 900_000 + self.id

    @property
    def motto(self) -> str:
        """What its author puts below everything."""
        return _MOTTOES[PEOPLE.index(self.author)]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a thread is to be. `grows`: new posts come while the sandbox runs."""

    id: int
    slug: str
    title: str
    about: str
    posts: int
    grows: bool = False
    films: Sequence[str] = ()
    stumbles: bool = False
    """Whether one picture fails at the first try."""
    loses: bool = False
    """Whether the last post shows a picture that is not there."""


PLANS = (
    Plan(101, "a-handful-of-favourites", "A handful of favourites", "one short page", 8),
    Plan(
        102,
        "last-year-in-pictures",
        "Last year in pictures",
        "six pages with pictures and two films; one picture comes at the second try only",
        60,
        films=FILMS,
        stumbles=True,
    ),
    Plan(103, "found-in-a-drawer", "Found in a drawer", "three pages of pictures", 28),
    Plan(
        104,
        "what-do-you-see-right-now",
        "What do you see right now?",
        "new posts come while the sandbox runs",
        6,
        grows=True,
    ),
    Plan(105, "one-of-these-went-missing", "One of these went missing", "a picture in it is not there", 4, loses=True),
)


@dataclass(frozen=True)
class Thread:
    """A thread as it was when the forum was opened, and as it goes on."""

    plan: Plan
    first: Sequence[Post]
    seed: int
    deck: Sequence[Picture] = field(repr=False)
    starts: Sequence[datetime]
    every: timedelta

    @property
    def path(self) -> str:
        """Where its first page is."""
        return f"/threads/{self.plan.slug}.{self.plan.id}/"

    def posts(self, now: datetime) -> Sequence[Post]:
        """Everything that was posted by `now`, in order."""
        if not self.plan.grows:
            return self.first
        times = _times(self.starts, self.every, now)
        return [*self.first, *(self._grown(number, at) for number, at in enumerate(times, len(self.first) + 1))]

    def _grown(self, number: int, at: datetime) -> Post:
        chance = _chance(self.seed, self.plan.id, number)
        picture = self.deck[number % len(self.deck)]
        shown = Shown(picture, How.ATTACHED, _attachment(self.plan, number, 0))
        return Post(_post_id(self.plan, number), number, chance.choice(PEOPLE), at, (_say(chance, picture),), (shown,))


def threads(seed: int, starts: Sequence[datetime] = (), every: timedelta = timedelta(minutes=1)) -> Sequence[Thread]:
    """The forum's threads, in the order of PLANS.

    `starts` are the times when the sandbox was started, the first of which opened the forum; after each of them a
    growing thread gets a post `every` so often.
    """
    opened = starts[0] if starts else OPENED
    return [_thread(plan, seed, opened, starts, every) for plan in PLANS]


def _thread(plan: Plan, seed: int, opened: datetime, starts: Sequence[datetime], every: timedelta) -> Thread:
    chance = _chance(seed, plan.id)
    deck = list(pictures().values())
    chance.shuffle(deck)
    return Thread(plan, _posts(plan, chance, iter(deck), opened), seed, deck, starts, every)


def _posts(plan: Plan, chance: random.Random, deck: Iterator[Picture], opened: datetime) -> Sequence[Post]:
    posts: list[Post] = []
    step = timedelta(days=20) / plan.posts
    films = {plan.posts * (place + 1) // (len(plan.films) + 1): film for place, film in enumerate(plan.films)}
    for number in range(1, plan.posts + 1):
        quoted = chance.choice(posts) if posts and chance.random() < 0.3 else None  # noqa: PLR2004 - a share, as below
        count = 2 if number == 1 else chance.choices((0, 1, 2), (2, 5, 3) if quoted is None else (6, 3, 1))[0]
        shown = tuple(
            Shown(picture, chance.choice(list(How)), _attachment(plan, number, place))
            for place, picture in enumerate(picture for _, picture in zip(range(count), deck, strict=False))
        )
        said = tuple(_say(chance, one.picture) for one in shown) or (chance.choice(_ASIDE),)
        posts.append(
            Post(
                id=_post_id(plan, number),
                number=number,
                author=chance.choice(PEOPLE),
                at=opened - timedelta(days=21) + step * number + timedelta(seconds=chance.randrange(3600)),
                said=said,
                shown=shown,
                smiles=chance.random() < 0.3,  # noqa: PLR2004
                film=films.get(number),
                loses=plan.loses and number == plan.posts,
                quoted=quoted,
            )
        )
    return posts


def stumbling(found: Sequence[Thread]) -> frozenset[str]:
    """The paths that fail at the first try: one attachment on the second page of each thread that is to stumble."""
    return frozenset(
        next(one.address for post in thread.first[PER_PAGE:] for one in post.shown if one.how is How.ATTACHED)
        for thread in found
        if thread.plan.stumbles
    )


def _times(starts: Sequence[datetime], every: timedelta, now: datetime) -> Iterator[datetime]:
    for place, start in enumerate(starts):
        until = min(now, starts[place + 1]) if place + 1 < len(starts) else now
        for count in range(1, min(MOST_GROWN, (until - start) // every) + 1):
            yield start + every * count


def _chance(*seed: int) -> random.Random:
    return random.Random("/".join(map(str, seed)))  # noqa: S311 - it deals pictures, not secrets


def _say(chance: random.Random, picture: Picture) -> str:
    return chance.choice(_SAID).format(title=picture.title, lower=picture.title[0].lower() + picture.title[1:])


def _post_id(plan: Plan, number: int) -> int:
    return plan.id * 10_000 + number


def _attachment(plan: Plan, number: int, place: int) -> int:
    return (plan.id * 10_000 + number) * 10 + place
