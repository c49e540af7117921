"""From what insight knows to the shapes of the contract; where the document leaves a choice, it is made here."""

from collections.abc import Mapping

from entourage.doors.influencer import wire
from entourage.doors.influencer.dialect import NOT_ENOUGH, Links
from entourage.insight.categories import Categories
from entourage.insight.evidence import NotEnough
from entourage.insight.figures import Audience, Quality
from entourage.insight.growth import Change
from entourage.insight.mentions import Mention
from entourage.insight.model import Channel, Gender, Post
from entourage.kernel.errors import NotFound
from entourage.kernel.paging import Page

MOST_COUNTRIES = 50
"""Countries that are named, those with the most people."""
_DECIMALS = 1
_SHARE_DECIMALS = 8
_NO_CATEGORY = wire.CategoryPair(primary=(), secondary=())


def channel(found: Channel, categories: Mapping[int, Categories]) -> wire.Channel:
    """Channel; numbers that are not known are 0, an unknown country is empty."""
    return wire.Channel(
        id=found.uuid,
        username=found.username or "",
        media=found.network,
        category=_category(categories.get(found.id)),
        country=(found.traits.country if found.traits else None) or "",
        stats=wire.Stats(followers=found.followers or 0, follows=found.follows or 0, post_count=found.posts or 0),
    )


def _category(found: Categories | None) -> wire.CategoryPair:
    if found is None or not (found.primary or found.secondary):
        return _NO_CATEGORY
    return wire.CategoryPair(
        primary=[wire.Category(name=name) for name in found.primary],
        secondary=[wire.Category(name=name) for name in found.secondary],
    )


def search_result(page: Page[Channel], categories: Mapping[int, Categories], links: Links) -> wire.SearchResult:
    """ChannelSearchResult."""
    following, previous = links.around(page.number, page.pages)
    results = [channel(each, categories) for each in page.items]
    return wire.SearchResult(count=page.total, next=following, previous=previous, results=results)


def audience(found: Audience | NotEnough) -> wire.Audience:
    """ChannelAudienceAnalytics; raises NotFound where there is not enough data.

    Genders are percent of those told apart, so that both make 100; countries of those whose country is known. A part of
    which too little is known is 0, or empty.
    """
    if isinstance(found, NotEnough):
        raise _not_enough(found)
    male = female = 0.0
    if found.genders:
        shares = {gender: estimate.value for gender, estimate in found.genders.items()}
        both = shares.get(Gender.MALE, 0.0) + shares.get(Gender.FEMALE, 0.0)
        male = round(100 * shares.get(Gender.MALE, 0.0) / both, _DECIMALS) if both else 0.0
        female = round(100 - male, _DECIMALS) if both else 0.0
    countries = sorted(found.countries.items(), key=lambda item: (-item[1].value, item[0]))[:MOST_COUNTRIES]
    return wire.Audience(
        genders=wire.Genders(male=male, femalte=female),
        countries={code: round(100 * estimate.value, _DECIMALS) for code, estimate in countries},
        ages=wire.Ages(
            total=sum(found.age_counts.values()),
            counts=[(age.words, people) for age, people in sorted(found.age_counts.items())],
        ),
    )


def quality(found: Quality | NotEnough) -> wire.Quality:
    """ChannelAudienceQuality; raises NotFound where there is not enough data. Level 1 is the first of the five."""
    if isinstance(found, NotEnough):
        raise _not_enough(found)
    shares = [round(estimate.value, _SHARE_DECIMALS) for estimate in found.levels]
    return wire.Quality(
        quality_grade=round(found.grade.value, _DECIMALS), quality_distribution=wire.Distribution(*shares)
    )


def mentions(page: Page[Mention], links: Links) -> wire.Mentions:
    """ChannelMentions."""
    following, previous = links.around(page.number, page.pages)
    results = [wire.Mention(username=each.username, profile_picture=each.picture or "") for each in page.items]
    return wire.Mentions(count=page.total, next=following, previous=previous, results=results)


def changes(page: Page[Change], links: Links) -> wire.Changes:
    """ChannelFollowerChanges, the oldest day first."""
    following, previous = links.around(page.number, page.pages)
    results = [
        wire.Change(date=each.date.isoformat(), followers=each.followers, change=each.change, follows=each.follows or 0)
        for each in page.items
    ]
    return wire.Changes(count=page.total, next=following, previous=previous, results=results)


def engaged(page: Page[Channel], links: Links) -> wire.EngagedList:
    """ChannelEngagedInfluencers."""
    following, previous = links.around(page.number, page.pages)
    results = [wire.Engaged(id=each.uuid, profile_picture=each.picture or "") for each in page.items]
    return wire.EngagedList(count=page.total, next=following, previous=previous, results=results)


def content(page: Page[Post], links: Links) -> wire.Content:
    """ChannelContent, the newest post first; `post_id` is the network's own."""
    following, previous = links.around(page.number, page.pages)
    results = [
        wire.Post(
            post_id=each.native_id,
            created_time=wire.plain(each.posted_at),
            caption=each.caption or "",
            tags=each.tags,
            link=each.url or "",
        )
        for each in page.items
    ]
    return wire.Content(count=page.total, next=following, previous=previous, results=results)


def _not_enough(found: NotEnough) -> NotFound:
    return NotFound(f"{NOT_ENOUGH}: {found.reason} There are {found.have}, and it takes {found.need}.")
