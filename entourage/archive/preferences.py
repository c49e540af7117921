"""Preferences: what administrators change while the server runs (preference_tree.py says what there is)."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from entourage.accounts.model import Actor
from entourage.archive import budgets
from entourage.archive.model import Profile
from entourage.archive.preference_tree import Preferences, Simple, Tiktok
from entourage.archive.store import schedules as store
from entourage.kernel import events
from entourage.kernel.db import Tx
from entourage.kernel.errors import Invalid, NotAllowed, Problem
from entourage.kernel.secrets import Secrets

MASK = "***"
SECRETS = frozenset(
    {
        "platforms.instagram.toolzu.captcha_api_key",
        "platforms.instagram.session_id",
        "notifications.email.smtp_password",
    }
)
FIXED = frozenset({"general.download_directory"})


def current(tx: Tx) -> Preferences:
    """The preferences in force."""
    tree: dict[str, Any] = {}
    for name, value in store.preferences_changed(tx).items():
        _plant(tree, name, value)
    return msgspec.convert(tree, Preferences)


def enabled(preferences: Preferences, platform: str, profile: Profile | None) -> bool:
    """Whether a platform may be used, with this download profile where it has any."""
    chosen = preferences.platforms
    if platform == "instagram":
        fast, best = chosen.instagram.fastdl.enabled, chosen.instagram.toolzu.enabled
        return {None: fast or best, Profile.FAST: fast, Profile.BEST: best}[profile]
    named: dict[str, Tiktok | Simple] = {"tiktok": chosen.tiktok, "forum": chosen.forum, "web": chosen.web}
    return platform not in named or named[platform].enabled


def masked(preferences: Preferences, download_directory: str) -> dict[str, Any]:
    """The preferences fit to show: secrets that are set are `***`."""
    tree: dict[str, Any] = msgspec.to_builtins(preferences)
    for name in SECRETS:
        *path, last = name.split(".")
        part = tree
        for step in path:
            part = part[step]
        part[last] = MASK if part[last] else ""
    tree["general"]["download_directory"] = download_directory
    return tree


def change(tx: Tx, actor: Actor, patch: Mapping[str, Any], secrets: Secrets) -> int:
    """Change what the patch names, and nothing else; how many values differ now.

    Raises NotAllowed, and Invalid naming every field that cannot be accepted. A secret sent as `***` stays as it is.
    """
    if not actor.admin:
        raise NotAllowed("Only administrators change the settings.")
    before = current(tx)
    old = dict(_leaves(msgspec.to_builtins(before)))
    changes = _checked(before, old, patch)
    changed = 0
    for name, value in changes.items():
        secret = name in SECRETS and value
        if secret or old[name] != value:
            store.set_preference(tx, name, secrets.seal(value, name) if secret else value)
            changed += 1
    if changed:
        budgets.declare(tx, current(tx))
        events.publish(tx, "preferences.changed", {"names": sorted(changes)}, user=None)
    return changed


def _checked(before: Preferences, old: Mapping[str, Any], patch: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the patch sets, by dotted name; raises Invalid naming every field that cannot be accepted."""
    changes: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, value in _leaves(patch):
        if name not in old:
            problems.append(Problem(name, "is not a setting"))
        elif name in FIXED:
            problems.append(Problem(name, "is set by whoever runs the server, with --data"))
        elif not (name in SECRETS and value == MASK):
            changes[name] = value
    for name, value in changes.items():
        trial: dict[str, Any] = msgspec.to_builtins(before)
        _plant(trial, name, value)
        try:
            msgspec.convert(trial, Preferences)
        except msgspec.ValidationError as error:
            problems.append(Problem(name, _plainly(error)))
    if problems:
        raise Invalid(*problems)
    return changes


def _leaves(tree: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{before}{name}.")  # pyright: ignore[reportUnknownArgumentType] # JSON
        else:
            yield f"{before}{name}", value


def _plant(tree: dict[str, Any], name: str, value: Any) -> None:
    *path, last = name.split(".")
    for step in path:
        tree = tree.setdefault(step, {})
    tree[last] = value


def _plainly(error: msgspec.ValidationError) -> str:
    """What is wrong, without the path (the field is named beside it)."""
    text = str(error).split(" - at ")[0]
    return text[0].lower() + text[1:]
