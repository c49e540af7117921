"""The shapes of the influencer contract, key by key; each names the data structure of the document that it honours.

Objects that the document calls fixed-type have exactly these keys, also where a key is misspelt there.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

LONGEST_NAME = 200
Text = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME, pattern="^[^\\x00]*$")]
PageNumber = Annotated[int, Meta(ge=1, le=1_000_000_000)]
MediaName = Literal["instagram", "tiktok", "twitter", "bluesky", "mastodon", "sandbox", "forum"]


class Query(Struct, frozen=True, kw_only=True):
    """What a client asks in the address; unknown names are ignored, as on the web at large."""


class Told(Struct, frozen=True, kw_only=True):
    """What we answer."""


def plain(moment: datetime | None) -> str:
    """A UTC moment as the document writes it, without a zone; empty where it is not known."""
    return "" if moment is None else moment.isoformat()[:19]


class Error(Told, frozen=True):
    """ErrorBadRequest, ErrorNotAuthorized, ErrorForbidden, ErrorNotFound, ErrorInternalError, ErrorThrottledError."""

    detail: str


class Metadata(Told, frozen=True):
    """Api Metadata."""

    version: str


class Credits(Told, frozen=True):
    """Credits; also what OPTIONS answers."""

    credits: int


# --- "Channels"


class SearchQuery(Query, frozen=True):
    """Search, parameters."""

    username: Text
    media: MediaName | None = None
    page: PageNumber = 1


class PageQuery(Query, frozen=True):
    """Content, parameters; every other list takes them too."""

    page: PageNumber = 1


class Category(Told, frozen=True):
    """Category."""

    name: str


class CategoryPair(Told, frozen=True):
    """Channel, `category`."""

    primary: Sequence[Category]
    secondary: Sequence[Category]


class Stats(Told, frozen=True):
    """Channel, `stats`."""

    followers: int
    follows: int
    post_count: int


class Channel(Told, frozen=True):
    """Channel."""

    id: str
    username: str
    media: str
    category: CategoryPair
    country: str
    stats: Stats


class SearchResult(Told, frozen=True):
    """ChannelSearchResult."""

    count: int
    next: str | None
    previous: str | None
    results: Sequence[Channel]


# --- "Channel Analytics"


class Genders(Told, frozen=True):
    """ChannelAudienceAnalytics, `genders`, in percent. The second key is the document's."""

    male: float
    femalte: float


class Ages(Told, frozen=True):
    """ChannelAudienceAnalytics, `ages`: pairs of a band and the people in it."""

    total: int
    counts: Sequence[tuple[str, int]]


class Audience(Told, frozen=True):
    """ChannelAudienceAnalytics; countries in percent."""

    genders: Genders
    countries: Mapping[str, float]
    ages: Ages


class Distribution(Told, frozen=True):
    """ChannelAudienceQuality, `quality_distribution`: shares of the five levels, the worst first."""

    quality_distribution_1: float
    quality_distribution_2: float
    quality_distribution_3: float
    quality_distribution_4: float
    quality_distribution_5: float


class Quality(Told, frozen=True):
    """ChannelAudienceQuality."""

    quality_grade: float
    quality_distribution: Distribution


class Mention(Told, frozen=True):
    """ChannelMentionEntry."""

    username: str
    profile_picture: str


class Mentions(Told, frozen=True):
    """ChannelMentions."""

    count: int
    next: str | None
    previous: str | None
    results: Sequence[Mention]


class ChangesQuery(Query, frozen=True):
    """Follower changes, parameters."""

    period: Literal[90, 180, 360] = 90
    page: PageNumber = 1


class Change(Told, frozen=True):
    """ChannelFollowerChangeEntry."""

    date: str
    followers: int
    change: float
    follows: int


class Changes(Told, frozen=True):
    """ChannelFollowerChanges."""

    count: int
    next: str | None
    previous: str | None
    results: Sequence[Change]


class Engaged(Told, frozen=True):
    """ChannelEngagedInfluencerEntry."""

    id: str
    profile_picture: str


class EngagedList(Told, frozen=True):
    """ChannelEngagedInfluencers."""

    count: int
    next: str | None
    previous: str | None
    results: Sequence[Engaged]


# --- "Channel Content"


class Post(Told, frozen=True):
    """Post."""

    post_id: str
    created_time: str
    caption: str
    tags: Sequence[str]
    link: str


class Content(Told, frozen=True):
    """ChannelContent."""

    count: int
    next: str | None
    previous: str | None
    results: Sequence[Post]
