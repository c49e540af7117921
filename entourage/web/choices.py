"""What the settings page says of each preference: a label, a sentence, and how it is asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from entourage.archive.preferences import FIXED, MASK, SECRETS


@dataclass(frozen=True, slots=True)
class Choice:
    """One preference for people. `options` are (value, words) where only some values make sense."""

    name: str
    label: str
    help: str
    unit: str = ""
    options: Sequence[tuple[str, str]] = ()

    @property
    def secret(self) -> bool:
        """Whether its value is never shown."""
        return self.name in SECRETS

    @property
    def fixed(self) -> bool:
        """Whether the operator alone decides it."""
        return self.name in FIXED


@dataclass(frozen=True, slots=True)
class Group:
    """Preferences that belong together, under one heading."""

    title: str
    text: str
    choices: Sequence[Choice]


GROUPS: Sequence[Group] = (
    Group(
        "Fetching",
        "",
        (
            Choice(
                "general.concurrent_downloads",
                "Files at once",
                "More is faster until your line or the other side is the limit. 1 to 64.",
            ),
            Choice(
                "general.retry_attempts",
                "Tries per file",
                "After a broken connection or a busy server, with growing pauses. 1 to 20.",
            ),
            Choice(
                "general.default_priority", "Usual priority", "Of what is added without one. 1 is first, 10 is last."
            ),
        ),
    ),
    Group(
        "Keeping",
        "",
        (
            Choice(
                "general.download_directory",
                "Folder",
                "Where the readable tree of your files stands. Whoever runs the server sets it with --data.",
            ),
            Choice(
                "general.storage_limit_gb",
                "Storage limit",
                "Nothing more is fetched once this much is kept. 0 is no limit.",
                "GB",
            ),
            Choice(
                "general.auto_cleanup_days",
                "Tidy up after",
                (
                    "Finished queue items, histories of schedules and logs older than this go. Kept files never go. "
                    "0 keeps everything."
                ),
                "days",
            ),
        ),
    ),
    Group(
        "Instagram",
        "Public posts. Two picture sizes can be fetched; each has its own limit.",
        (
            Choice(
                "platforms.instagram.fastdl.enabled",
                "Small pictures",
                "Up to 640 pixels: quick and light on the network. The API calls it fastdl.",
            ),
            Choice(
                "platforms.instagram.fastdl.rate_limit_per_hour",
                "Small pictures an hour",
                "0 is no limit of ours; Instagram has its own.",
                "files",
            ),
            Choice(
                "platforms.instagram.toolzu.enabled",
                "Largest pictures",
                "The largest size there is. The API calls it toolzu.",
            ),
            Choice(
                "platforms.instagram.toolzu.rate_limit_per_hour",
                "Largest pictures an hour",
                "0 is no limit of ours; Instagram has its own.",
                "files",
            ),
            Choice(
                "platforms.instagram.toolzu.auto_upgrade",
                "Replace small by large",
                "What was kept small is fetched again in the largest size; the larger one stays.",
            ),
            Choice(
                "platforms.instagram.session_id",
                "Session of an account",
                (
                    "The sessionid cookie of an account of yours, for posts that are shown only to people who are "
                    "signed in. Stored encrypted."
                ),
            ),
            Choice(
                "platforms.instagram.toolzu.captcha_api_key",
                "Captcha key",
                "Kept for clients of the API that send one. It is never used: challenges are for people.",
            ),
        ),
    ),
    Group(
        "TikTok",
        "",
        (
            Choice("platforms.tiktok.enabled", "Use TikTok", "Public videos and pictures."),
            Choice(
                "platforms.tiktok.quality",
                "Quality",
                "Which version of a video is fetched.",
                options=(("hd", "The best there is"), ("sd", "Small")),
            ),
            Choice("platforms.tiktok.rate_limit_per_hour", "Files an hour", "0 is no limit.", "files"),
        ),
    ),
    Group(
        "Forums",
        "XenForo, phpBB, vBulletin, Discourse, Misago and FlaskBB.",
        (
            Choice(
                "platforms.forum.enabled",
                "Use forums",
                "Threads: every page, attachments and linked full-size pictures.",
            ),
            Choice("platforms.forum.rate_limit_per_hour", "Files an hour", "0 is no limit.", "files"),
        ),
    ),
    Group(
        "The rest of the web",
        "",
        (
            Choice(
                "platforms.web.enabled", "Use other pages", "Single files, pages with pictures or videos, and streams."
            ),
            Choice("platforms.web.rate_limit_per_hour", "Files an hour", "0 is no limit.", "files"),
        ),
    ),
    Group(
        "Messages",
        "Who is told when something ends.",
        (
            Choice("notifications.browser.enabled", "In the browser", "A short note in the corner of every open page."),
            Choice("notifications.email.enabled", "By e-mail", "To whoever added the item, when it ends."),
            Choice("notifications.email.smtp_host", "Mail server", "For example mail.example.org."),
            Choice("notifications.email.smtp_port", "Port", "587 for STARTTLS, 465 for TLS from the start."),
            Choice("notifications.email.smtp_user", "User name", "Empty where the server wants none."),
            Choice("notifications.email.smtp_password", "Password", "Stored encrypted; never shown again."),
            Choice("notifications.email.sender", "Sender", "The address that messages come from."),
        ),
    ),
)
"""Every preference, in the order of the page; a test sees to it that none is missing."""


def flat(tree: Mapping[str, object], before: str = "") -> dict[str, object]:
    """The preferences by dotted name."""
    found: dict[str, object] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{before}{name}.")  # pyright: ignore[reportUnknownArgumentType] # JSON has text keys
        else:
            found[before + name] = value
    return found


def planted(values: Mapping[str, object]) -> dict[str, Any]:
    """The inverse of `flat`."""
    tree: dict[str, Any] = {}
    for name, value in values.items():
        part = tree
        *path, last = name.split(".")
        for step in path:
            part = part.setdefault(step, {})
        part[last] = value
    return tree


def is_kept(choice: Choice, text: str) -> bool:
    """Whether the field of a secret says that it stays as it is."""
    return choice.secret and text == MASK
