"""The sandbox's pages from their templates, and the files that ship with it."""

from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from entourage.networks import sandbox


@cache
def shipped(path: str) -> bytes:
    """A file of the sandbox."""
    return files(sandbox).joinpath(path).read_bytes()


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader(sandbox.__name__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page(template: str, **values: object) -> str:
    """The text of a page."""
    return _templates().get_template(template).render(**values)
