"""The platforms the archive can read, and whether they work."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from entourage.accounts.model import Actor
from entourage.archive import preferences, queue
from entourage.archive.model import Item, Profile, Wish
from entourage.archive.preference_tree import Preferences
from entourage.archive.store import tallies
from entourage.kernel import lanes
from entourage.kernel.db import Tx
from entourage.kernel.errors import Invalid, Problem
from entourage.networks import registry


@dataclass(frozen=True, slots=True)
class Downloader:
    """A download profile under the name that the settings have for it."""

    name: str
    display_name: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class Platform:
    """One platform. `status` is operational, degraded (it asked us to wait), blocked (a person is needed), disabled."""

    name: str
    display_name: str
    enabled: bool
    downloaders: Sequence[Downloader] | None
    content_types: Sequence[str]
    features: Sequence[str]
    status: str
    last_successful_download: datetime | None
    example: str


DOWNLOADERS = {"fastdl": Profile.FAST, "toolzu": Profile.BEST}
"""The media contract's names of Instagram's download profiles."""

FEATURES = {
    "instagram": ("quality_upgrade", "date_filtering", "limit_downloads"),
    "tiktok": ("date_filtering", "limit_downloads"),
    "forum": ("monitoring", "date_filtering", "limit_downloads"),
    "web": ("limit_downloads",),
}


def listing(tx: Tx, actor: Actor) -> Sequence[Platform]:  # noqa: ARG001 - verbs all take the actor
    """Every platform."""
    current = preferences.current(tx)
    return [_platform(tx, current, name) for name in registry.READERS]


def _platform(tx: Tx, current: Preferences, name: str) -> Platform:
    reader = registry.READERS[name]
    enabled = preferences.enabled(current, name, None)
    return Platform(
        name=name,
        display_name=reader.DISPLAY_NAME,
        enabled=enabled,
        downloaders=_downloaders(current) if name == "instagram" else None,
        content_types=tuple(reader.CONTENT_TYPES),
        features=FEATURES.get(name, ()),
        status=_status(tx, name) if enabled else "disabled",
        last_successful_download=tallies.latest(tx, name),
        example=reader.EXAMPLE,
    )


def _downloaders(current: Preferences) -> Sequence[Downloader]:
    instagram = current.platforms.instagram
    return (
        Downloader("fastdl", "Fast (up to 640 pixels)", instagram.fastdl.enabled),
        Downloader("toolzu", "Best (the largest there is)", instagram.toolzu.enabled),
    )


def _status(tx: Tx, name: str) -> str:
    lane = lanes.get(tx, f"platform/{name}")
    if lane.broken:
        return "blocked"
    return "degraded" if lane.held else "operational"


def request(
    tx: Tx,
    actor: Actor,
    platform: str,
    *,
    username: str,
    content_type: str | None = None,
    profile: Profile | None = None,
    max_downloads: int | None = None,
    days_back: int | None = None,
    priority: int | None = None,
) -> Item:
    """Queue what a creator posts on a platform that has user names."""
    url = address_of(platform, username, content_type)
    wish = Wish(
        url=url,
        platform=platform,
        source=username,
        content_type=content_type,
        profile=profile,
        max_downloads=max_downloads,
        days_back=days_back,
        priority=priority,
    )
    return queue.add(tx, actor, wish)


def address_of(platform: str, source: str, content_type: str | None, *, field: str = "username") -> str:
    """The address of a creator on a platform; raises Invalid when the platform has no user names or not such ones."""
    if platform not in registry.READERS:
        raise Invalid(Problem("platform", f"is not known; known are {', '.join(registry.READERS)}"))
    maker = registry.ADDRESSES.get(platform)
    if maker is None:
        raise Invalid(Problem(field, f"names no address on {platform}; give the address itself"))
    try:
        return maker(source, content_type)
    except ValueError as error:
        raise Invalid(Problem(field, str(error))) from error
