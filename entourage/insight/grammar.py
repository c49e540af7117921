"""Who is mentioned and what is tagged in a text, by each network's own rules.

The rules are those that the networks publish or that their open programs follow: Twitter's conformance suite
(twitter-text, extract.yml), the AT protocol's handle syntax and Bluesky's text facets, Mastodon's patterns for mentions
and hashtags, and what Instagram and TikTok say of their user names.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

_AT, _WIDE_AT = "@", "\uff20"
_HASH, _WIDE_HASH = "#", "\uff03"
_EITHER = f"[{_HASH}{_WIDE_HASH}]"
_HASHES = re.compile(_EITHER)


@dataclass(frozen=True, slots=True)
class Span:
    """A name or tag and where it stands with its sign: `text[start:end]` begins with @ or #."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Grammar:
    """The rules of one network. Group 1 of `mention` and `tag` is what is meant, without its sign."""

    name: re.Pattern[str]
    """A whole user name."""
    mention: re.Pattern[str]
    tag: re.Pattern[str]
    longest_name: int
    canonical: Callable[[str], str] = str.lower
    longest_tag: int = 100
    trim: bool = False
    """Whether punctuation at a tag's end is no part of it, and a tag may hold anything else that is no space."""
    chained: bool = False
    """Whether group 1 of `tag` may hold several, as in #sea#sun#sand."""


def mentions(network: str, text: str) -> list[str]:
    """Who is mentioned in `text`, as written, without @, in order, repeats kept."""
    if _AT not in text and _WIDE_AT not in text:
        return []
    return [match[1] for match in _mentioned(network, text)]


def hashtags(network: str, text: str) -> list[str]:
    """The hashtags in `text`, as written, without #, in order, repeats kept."""
    if _HASH not in text and _WIDE_HASH not in text:
        return []
    return [tag for tag, _ in _tagged(network, text)]


def mention_spans(network: str, text: str) -> list[Span]:
    """As `mentions`, with where each stands."""
    return [Span(match[1], match.start(), match.end(1)) for match in _mentioned(network, text)]


def hashtag_spans(network: str, text: str) -> list[Span]:
    """As `hashtags`, with where each stands."""
    return [Span(tag, start, start + 1 + len(tag)) for tag, start in _tagged(network, text)]


def handle(network: str, name: str) -> str | None:
    """The user name as the network compares names, without a leading @; None if it cannot be a name there."""
    grammar = _grammar(network)
    bare = name.removeprefix("@")
    if len(bare) > grammar.longest_name or not grammar.name.fullmatch(bare):
        return None
    return grammar.canonical(bare)


def _mentioned(network: str, text: str) -> Iterator[re.Match[str]]:
    grammar = _grammar(network)
    for match in grammar.mention.finditer(text):
        name = match[1]
        if len(name) > grammar.longest_name or not grammar.name.fullmatch(name) or _in_address(text, match.start()):
            continue  # such as the @_ of a forum: nobody can be called that there
        yield match


def _tagged(network: str, text: str) -> Iterator[tuple[str, int]]:
    grammar = _grammar(network)
    for match in grammar.tag.finditer(text):
        start = match.start()
        if _in_address(text, start):
            continue
        for tag in _HASHES.split(match[1]) if grammar.chained else (match[1],):
            wanted = _trimmed(tag) if grammar.trim else tag
            if wanted and len(wanted) <= grammar.longest_tag:
                yield wanted, start
            start += 1 + len(tag)


def _trimmed(tag: str) -> str:
    end = len(tag)
    while end and unicodedata.category(tag[end - 1])[0] == "P":
        end -= 1
    return tag[:end] if any(unicodedata.category(sign)[0] not in "PZ" and not sign.isdigit() for sign in tag) else ""


# An address that runs up to the sign: https://medium.com/@writer, example.org/#top. What closes a bracket or a clause
# before the sign has ended the address.
_ADDRESS = re.compile(
    r"(?:https?://|\bwww\.|(?<![A-Za-z0-9.-])[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,24}(?=[/:?]))"
    r"[!-~]*(?<![)\]},;\"'!<>])\Z"
)
_LONGEST_ADDRESS = 300
"""Characters before the sign that are looked at, so that a hostile text costs no more than its length."""


def _in_address(text: str, at: int) -> bool:
    if not at or text[at - 1].isspace():
        return False
    begin = max(text.rfind(" ", 0, at), text.rfind("\n", 0, at), at - _LONGEST_ADDRESS) + 1
    if text.find("/", begin, at) < 0 and text.find("www.", begin, at) < 0:
        return False
    return _ADDRESS.search(text, begin, at) is not None


_LATIN = "A-Za-z0-9_À-ÖØ-öø-ɏɐ-ʯ̀-ͯḀ-\u1eff"
"""What may not touch a name of ASCII letters: the letters that are written together with them."""


def _ascii(name: str, before: str, after: str = "", *, signs: str = "@") -> re.Pattern[str]:
    """A mention whose name is of ASCII letters: `before` and `after` are what may not touch it, besides letters.

    After the name the atomic group keeps a shorter one from being taken out of a longer.
    """
    return re.compile(rf"{before}[{signs}]((?>{name}))(?![{_LATIN}@\uff20]|://{after})")


# Letters and digits of Instagram and TikTok with dots inside; Twitter's without.
_DOTTED = r"[A-Za-z0-9_]+(?:\.+[A-Za-z0-9_]+)*"
_PLAIN = r"[A-Za-z0-9_]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN_NAME = rf"(?:{_LABEL}\.)+[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?"
_FEDIVERSE_USER = r"[A-Za-z0-9_]+(?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?"
_FEDIVERSE_HOST = r"\w+(?:[.-]+\w+)*(?::\d{1,5})?"
_FORUM_NAME = r"\w+(?:[.-]+\w+)*"
_FREE = rf"(?<![{_LATIN}Ѐ-ӿ@\uff20#$%&*])"
# Twitter also takes a name that stands right after RT, and leaves lists (@user/list) to their owners.
_AFTER_RT = r"(?:(?<![A-Za-z0-9_!#$%&*@\uff20])|(?<=[Rr][Tt])(?<![A-Za-z0-9_+~.\-][Rr][Tt]))"
_LIST = r"|/[A-Za-z]"


@cache
def _letters(kinds: str) -> str:
    """The ranges of a character class that holds the Unicode categories (or their first letters) in `kinds`.

    Python's own patterns know letters but not the marks that write vowels in Hindi, Thai or Hebrew.
    """
    wanted = tuple(kinds.split())
    ranges: list[str] = []
    begin: int | None = None
    for code in range(0x80, 0x32400):
        if unicodedata.category(chr(code)).startswith(wanted):
            begin = code if begin is None else begin
        elif begin is not None:
            ranges.append(f"{chr(begin)}-{chr(code - 1)}")
            begin = None
    return "".join(ranges)


def _tag(free: str, *, inside: str = "", end: str = "") -> re.Pattern[str]:
    """A hashtag: letters, marks, digits, _ and the signs of `inside`, one letter among them.

    `free` is what has to hold before it, `end` what may not follow.
    """
    letter = f"A-Za-z{_letters('L M')}"
    other = f"0-9_{_letters('Nd')}{inside}"
    return re.compile(rf"{free}{_EITHER}(?![\ufe0f\u20e3])(?=[{other}]*[{letter}])([{letter}{other}]++)(?!{end}://)")


def _chain(free: str, inside: str) -> re.Pattern[str]:
    """Hashtags written without a space between them; numbers and `inside` are as good as letters."""
    sign = f"[A-Za-z0-9_{_letters('L M Nd')}{inside}]"
    return re.compile(rf"{free}{_EITHER}(?![\ufe0f\u20e3])({sign}++(?:{_EITHER}{sign}++)*+)(?!://)")


# What Twitter takes inside a tag: joiners, Hebrew and Tibetan marks, wave dashes, sound marks, the Catalan dot.
_TWITTER_INSIDE = "\u200c\u200d\ua67e\u05be\u05f3\u05f4\uff5e\u301c\u309b\u309c\u30a0\u30fb\u3003\u0f0b\u0f0c\u00b7"
_EMOJI = "\u200d\u2600-\u27bf\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff"


def _unless_word(more: str) -> str:
    """Not after a letter or digit, nor after `more`; the marks that choose how an emoji looks are neither."""
    return rf"(?:(?<![\w{_letters('M')}{more}])|(?<=[\ufe0e\ufe0f]))"


def _twitter() -> Grammar:
    return Grammar(
        re.compile(_PLAIN),
        _ascii(_PLAIN, _AFTER_RT, _LIST, signs="@\uff20"),
        _tag(_unless_word("&" + _TWITTER_INSIDE), inside=_TWITTER_INSIDE, end=f"{_EITHER}|"),
        longest_name=20,
    )


def _instagram(longest_name: int = 30) -> Grammar:
    return Grammar(
        re.compile(_DOTTED),
        _ascii(_DOTTED, _FREE),
        _chain(_unless_word("&"), "\u200c·" + _EMOJI),
        longest_name,
        chained=True,
    )


def _tiktok() -> Grammar:
    return _instagram(longest_name=24)


def _bluesky() -> Grammar:
    # A mention is a whole domain name after a space or a bracket; a tag is anything but spaces and invisible signs.
    tag = "[^\\s\u00ad\u2060\u200a-\u200d\u20e2]"
    return Grammar(
        re.compile(_DOMAIN_NAME),
        re.compile(rf"(?<![^\s(])@((?>{_DOMAIN_NAME}))(?![\w@-])"),
        re.compile(rf"(?<!\S){_EITHER}(?![\ufe0f\u20e3])({tag}+)"),
        longest_name=253,
        longest_tag=64,
        trim=True,
    )


def _mastodon() -> Grammar:
    return Grammar(
        re.compile(rf"{_FEDIVERSE_USER}(?:@{_FEDIVERSE_HOST})?"),
        re.compile(rf"(?<![=/\w@])@((?>{_FEDIVERSE_USER}(?:@{_FEDIVERSE_HOST})?))(?![\w@]|://)"),
        _tag(_unless_word("=/)"), inside="\u200c·・"),
        longest_name=320,
    )


def _forum() -> Grammar:
    return Grammar(
        re.compile(r"[^\W_]|\S[^\n\r\t\0@]{0,62}\S"),
        re.compile(rf"(?<![\w@/=.+-])@((?>{_FORUM_NAME}))(?![\w@]|://)"),
        _tag(_unless_word("&/="), inside="-"),
        longest_name=64,
        canonical=lambda name: unicodedata.normalize("NFC", name).casefold(),
    )


_GRAMMARS: Mapping[str, Callable[[], Grammar]] = {
    "bluesky": _bluesky,
    "forum": _forum,
    "instagram": _instagram,
    "mastodon": _mastodon,
    "sandbox": _instagram,
    "tiktok": _tiktok,
    "twitter": _twitter,
}


@cache
def _grammar(network: str) -> Grammar:
    """The rules of `network`; those of Instagram, which are the most usual, where the network has none here."""
    return _GRAMMARS.get(network, _instagram)()
