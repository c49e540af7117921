"""The sandbox's people, posts and comments put into the shapes of its API, as they are at a time."""

from entourage.networks.sandbox import pictures, wire
from entourage.networks.sandbox.network import Network, written
from entourage.networks.sandbox.posts import Medium, Said

FILM_SIZE = (854, 480)


def person(network: Network, number: int, at: int, server: str) -> wire.Person:
    """Somebody as the API tells them."""
    one = network.profile(number, at)
    return wire.Person(
        id=one.id,
        username=one.username,
        url=server + one.path,
        name=one.name,
        biography=one.biography,
        picture=server + one.picture if one.picture else None,
        link=one.link,
        location=one.location,
        followers=one.followers,
        follows=one.follows,
        posts=one.posts,
        is_private=one.is_private,
        is_verified=one.is_verified,
    )


def post(network: Network, author: int, index: int, at: int, server: str) -> wire.Post:
    """A post as the API tells it."""
    one, people = network.posts.post(author, index), network.people
    native = written(one.number)
    return wire.Post(
        id=native,
        author=people.id(author),
        url=f"{server}/people/{people.username(author, at)}/{native}",
        caption=one.caption,
        posted_at=people.moment(one.at),
        likes=len(network.posts.likes(author, index, at)),
        comments=len(network.posts.comments(author, index, at)),
        media=tuple(_medium(each, server) for each in one.media),
    )


def comment(network: Network, said: Said, at: int, server: str) -> wire.Comment:
    """A comment as the API tells it."""
    author = person(network, said.author, at, server)
    return wire.Comment(written(said.number), author, said.text, network.people.moment(said.at))


def _medium(medium: Medium, server: str) -> wire.Medium:
    if medium.is_film:
        return wire.Medium(f"{server}/films/{medium.name}.mp4", "video", *FILM_SIZE)
    return wire.Medium(
        f"{server}/pictures/{medium.name}.jpg", "image", *pictures.size(pictures.pictures()[medium.name])
    )
