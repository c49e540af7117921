"""The preferences there are, with their defaults and bounds; shaped as the media contract shows them."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from entourage.archive.model import DEFAULT_PRIORITY

Count = Annotated[int, Meta(ge=0, le=1_000_000)]
Text = Annotated[str, Meta(max_length=500)]


class _Part(Struct, frozen=True, forbid_unknown_fields=True):
    """A group of preferences; unknown names are refused."""


class General(_Part, frozen=True):
    """How the archive works in general."""

    download_directory: Text = ""
    """Where the readable tree stands; the operator sets it by `--data`, so it cannot be changed here."""
    concurrent_downloads: Annotated[int, Meta(ge=1, le=64)] = 4
    """Files fetched at once."""
    retry_attempts: Annotated[int, Meta(ge=1, le=20)] = 3
    """Tries per file before it counts as failed."""
    default_priority: Annotated[int, Meta(ge=1, le=10)] = DEFAULT_PRIORITY
    """The priority of what is queued without one; 1 is first."""
    storage_limit_gb: Count = 0
    """Nothing more is fetched when this much is kept; 0 is no limit."""
    auto_cleanup_days: Annotated[int, Meta(ge=0, le=36_500)] = 180
    """Finished queue items, run histories and logs older than this go; 0 keeps them. Kept files never go."""


class Fastdl(_Part, frozen=True):
    """Instagram, small: at most 640 pixels on the long side."""

    enabled: bool = True
    rate_limit_per_hour: Count = 100
    """Files an hour; 0 is no limit."""


class Toolzu(_Part, frozen=True):
    """Instagram, the largest there is."""

    enabled: bool = True
    auto_upgrade: bool = True
    """What was kept small is fetched again in the best size."""
    rate_limit_per_hour: Count = 100
    captcha_api_key: Text = ""
    """Kept because the contract has it. No challenge is ever solved with it."""


class Instagram(_Part, frozen=True):
    """Instagram."""

    fastdl: Fastdl = Fastdl()
    toolzu: Toolzu = Toolzu()
    session_id: Text = ""
    """The `sessionid` cookie of an account of yours, for posts that are shown only to people who are signed in."""


class Tiktok(_Part, frozen=True):
    """TikTok."""

    enabled: bool = True
    quality: Literal["hd", "sd"] = "hd"
    rate_limit_per_hour: Count = 0


class Simple(_Part, frozen=True):
    """A platform with nothing to set but whether it is used and how much an hour."""

    enabled: bool = True
    rate_limit_per_hour: Count = 0


class Platforms(_Part, frozen=True):
    """The platforms."""

    instagram: Instagram = Instagram()
    tiktok: Tiktok = Tiktok()
    forum: Simple = Simple()
    web: Simple = Simple()


class Email(_Part, frozen=True):
    """Messages by e-mail when an item ends, to its owner."""

    enabled: bool = False
    smtp_host: Text = ""
    smtp_port: Annotated[int, Meta(ge=1, le=65_535)] = 587
    smtp_user: Text = ""
    smtp_password: Text = ""
    sender: Text = ""


class Browser(_Part, frozen=True):
    """Messages in the browser."""

    enabled: bool = True


class Notifications(_Part, frozen=True):
    """Who is told when something ends."""

    email: Email = Email()
    browser: Browser = Browser()


class Preferences(_Part, frozen=True):
    """Every preference. Secrets are sealed; `masked` is fit to show."""

    general: General = General()
    platforms: Platforms = Platforms()
    notifications: Notifications = Notifications()
