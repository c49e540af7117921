"""Budgets: the lanes of the archive, as the preferences want them."""

from entourage.archive.model import Profile
from entourage.archive.preference_tree import Preferences
from entourage.kernel import lanes
from entourage.kernel.budget import Limits
from entourage.kernel.db import Tx

EXPANSIONS_AT_ONCE = 4


def declare(tx: Tx, preferences: Preferences) -> None:
    """Give the archive's lanes their limits; a change takes effect at once."""
    platforms = preferences.platforms
    lanes.declare(tx, "downloads", Limits(at_once=preferences.general.concurrent_downloads))
    lanes.declare(tx, "expansions", Limits(at_once=EXPANSIONS_AT_ONCE))
    lanes.declare(tx, "housekeeping", Limits(at_once=1))
    hourly = {
        f"files/instagram/{Profile.FAST}": platforms.instagram.fastdl.rate_limit_per_hour,
        f"files/instagram/{Profile.BEST}": platforms.instagram.toolzu.rate_limit_per_hour,
        "files/tiktok": platforms.tiktok.rate_limit_per_hour,
        "files/forum": platforms.forum.rate_limit_per_hour,
        "files/web": platforms.web.rate_limit_per_hour,
    }
    for name, limit in hourly.items():
        lanes.declare(tx, name, Limits(per_hour=limit or None))
    for name in ("instagram", "tiktok", "forum", "web"):
        lanes.declare(tx, f"platform/{name}", Limits())
