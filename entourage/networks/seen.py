"""What is seen of people and posts on the way to their files: each person once, each post once with all it shows."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from msgspec import UNSET, UnsetType

from entourage.kernel.clock import system_clock
from entourage.networks.facts import Fact, MediaFact, PostFact, ProfileFact


class Seen:
    """The facts of one look at an address."""

    def __init__(self, network: str) -> None:
        self._network = network
        self._people: set[str] = set()
        self._posts: set[str] = set()

    def post(
        self,
        native_id: str,
        *,
        author: str,
        username: str | None,
        name: str | None = None,
        url: str | None = None,
        caption: str | UnsetType | None = UNSET,
        posted_at: datetime | None = None,
        likes: float | None = None,
        comments: float | None = None,
        media: Iterable[MediaFact] | None = None,
    ) -> Iterator[Fact]:
        """A post and who made it, unless told before. None is "not told", except for a caption: there is none then."""
        if not native_id or native_id in self._posts:
            return
        self._posts.add(native_id)
        now = system_clock()
        if username and author not in self._people:
            self._people.add(author)
            if not author.startswith("@"):
                called = UNSET if name is None else name or None
                yield ProfileFact(network=self._network, id=author, username=username, seen_at=now, name=called)
        yield PostFact(
            network=self._network,
            id=native_id,
            author=author,
            seen_at=now,
            url=url or UNSET,
            caption=caption,
            posted_at=posted_at or UNSET,
            likes=_count(likes),
            comments=_count(comments),
            media=UNSET if media is None else tuple(media),
        )


def _count(told: float | None) -> int | UnsetType:
    """A count, where one was told; networks that hide it tell a negative one."""
    return UNSET if told is None or told < 0 else round(told)
