"""What the door's page says about each call: shapes, and an example of every answer."""

from typing import Any, Final

from entourage.doors.influencer import wire
from entourage.doors.openapi import About, Call

_UUID: Final = "0b9a3c1e-5d1f-4a77-9c50-6b1f3ad0a9d4"
_ID: Final = {"channel_id": {"type": "string", "format": "uuid"}}
_PICTURE: Final = "https://cdn.example/ada.jpg"
_META, _CHANNELS, _ANALYTICS, _CONTENT, _ACCOUNT = (
    "Meta",
    "Channels",
    "Channel analytics",
    "Channel content",
    "Account",
)

ABOUT: Final = About(
    title="Entourage: influencer",
    version="1.0.0",
    description=(
        "Analytics of channels from the facts that this server keeps. Send an API token with each call, as "
        "`Authorization: Token …`; `entourage token add USER` makes one. Each answered GET costs credits: OPTIONS "
        "on the same address says how many, /v1/account/balance how many are left."
    ),
    envelope=wire.Error,
    headers={"X-Request-ID": "The id of this answer; the log has it too."},
    page_headers={
        "X-Credits-Cost": "What this answer cost.",
        "X-Credits-Remaining": "The credits that are left.",
    },
    credential={"type": "apiKey", "in": "header", "name": "Authorization", "description": "Token, a blank, the key"},
    words={
        400: "A parameter cannot be accepted; `detail` names it. Free.",
        401: "No token, or one that does not count.",
        403: "The plan does not include this. Free.",
        404: "There is no such channel or page, or too little is known for this figure. Free.",
        429: "Not enough credits; for who shows no token that counts: too many requests.",
    },
    usual=(429, 500, 503),
    bad_value=400,
)

_CHANNEL: Final[dict[str, Any]] = {
    "id": _UUID,
    "username": "ada",
    "media": "bluesky",
    "category": {"primary": [{"name": "travel"}], "secondary": [{"name": "food"}]},
    "country": "GB",
    "stats": {"followers": 12400, "follows": 310, "post_count": 845},
}
_PAGE: Final[dict[str, Any]] = {"count": 1, "next": None, "previous": None}
_COST: Final = {"credits": 5}


def _price(tag: str, *, free: bool = False) -> Call:
    return Call(wire.Credits, {"credits": 0} if free else _COST, tag=tag)


def _sold(tag: str, shape: Any, example: object, query: Any = wire.PageQuery) -> Call:
    return Call(shape, example, query=query, tag=tag, pages=True, parameters=_ID, errors=(403,))


CALLS: Final[dict[str, Call]] = {
    "root": Call(wire.Metadata, {"version": "1.0.0"}, tag=_META),
    "balance": Call(wire.Credits, {"credits": 9995}, tag=_ACCOUNT),
    "search": Call(
        wire.SearchResult,
        {**_PAGE, "results": [_CHANNEL]},
        query=wire.SearchQuery,
        tag=_CHANNELS,
        pages=True,
        errors=(403, 404),
    ),
    "channel": _sold(_CHANNELS, wire.Channel, _CHANNEL, None),
    "audience": _sold(
        _ANALYTICS,
        wire.Audience,
        {
            "genders": {"male": 43.7, "femalte": 56.3},
            "countries": {"GB": 61.2, "IE": 8.4},
            "ages": {"total": 606, "counts": [["18-24", 210], ["25-34", 396]]},
        },
        None,
    ),
    "quality": _sold(
        _ANALYTICS,
        wire.Quality,
        {
            "quality_grade": 71.5,
            "quality_distribution": {
                "quality_distribution_1": 0.08,
                "quality_distribution_2": 0.07,
                "quality_distribution_3": 0.15,
                "quality_distribution_4": 0.32,
                "quality_distribution_5": 0.38,
            },
        },
        None,
    ),
    "incoming_mentions": _sold(
        _ANALYTICS, wire.Mentions, {**_PAGE, "results": [{"username": "bea", "profile_picture": _PICTURE}]}
    ),
    "outgoing_mentions": _sold(
        _ANALYTICS, wire.Mentions, {**_PAGE, "results": [{"username": "cyd", "profile_picture": ""}]}
    ),
    "follower_changes": _sold(
        _ANALYTICS,
        wire.Changes,
        {**_PAGE, "results": [{"date": "2026-03-01", "followers": 12400, "change": 0.24, "follows": 310}]},
        wire.ChangesQuery,
    ),
    "engaged_influencers": _sold(
        _ANALYTICS, wire.EngagedList, {**_PAGE, "results": [{"id": _UUID, "profile_picture": _PICTURE}]}
    ),
    "channel_content": _sold(
        _CONTENT,
        wire.Content,
        {
            **_PAGE,
            "results": [
                {
                    "post_id": "3kabc",
                    "created_time": "2026-03-01T06:41:00",
                    "caption": "The harbour at dawn #harbour",
                    "tags": ["harbour"],
                    "link": "https://bsky.example/profile/ada/post/3kabc",
                }
            ],
        },
    ),
    "price_of_root": _price(_META, free=True),
    "price_of_account_balance": _price(_ACCOUNT, free=True),
    "price_of_search": _price(_CHANNELS),
    "price_of_channel": _price(_CHANNELS),
    "price_of_audience": _price(_ANALYTICS),
    "price_of_quality": _price(_ANALYTICS),
    "price_of_incoming_mentions": _price(_ANALYTICS),
    "price_of_outgoing_mentions": _price(_ANALYTICS),
    "price_of_follower_changes": _price(_ANALYTICS),
    "price_of_engaged": _price(_ANALYTICS),
    "price_of_content": _price(_CONTENT),
}
