"""Statements: written once with SQLAlchemy Core, compiled once per dialect; and what both databases have in common."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, cast

import sqlalchemy as sa
from sqlalchemy.sql.compiler import SQLCompiler

from entourage.kernel.errors import Unreachable

Row = tuple[Any, ...]
"""A row in the order of the statement's columns; stores turn it into a dataclass."""

BUSY_SECONDS = 30
READERS = 8
LOOK_SECONDS = 0.5
CHANNEL = "entourage"
"""Where PostgreSQL passes bells on to other processes."""


class Busy(Unreachable):
    """The database is held by another writer for longer than we wait, or another one was first."""


class Statement(NamedTuple):
    """A statement ready to run: its text, the values that stand in it, and how values go in and come out."""

    text: str
    fixed: Mapping[str, Any]
    binders: tuple[tuple[str, Callable[[Any], Any]], ...]
    readers: tuple[tuple[int, Callable[[Any], Any]], ...]

    def bind(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the driver is given."""
        if not self.binders and len(params) == len(self.fixed):
            return params
        bound = {**self.fixed, **params}
        for name, convert in self.binders:
            bound[name] = convert(bound[name])
        return bound

    def read(self, row: Sequence[Any]) -> Row:
        """What the driver gave, as stores want it."""
        if not self.readers:
            return row if isinstance(row, tuple) else tuple(row)
        values = list(row)
        for index, convert in self.readers:
            values[index] = convert(values[index])
        return tuple(values)


class Compiler:
    """Compiles each statement once; a statement is kept by identity, so build statements once too."""

    def __init__(self, dialect: sa.Dialect) -> None:
        self.dialect = dialect
        self.kept: dict[int, tuple[sa.ClauseElement, Statement]] = {}

    def __call__(self, statement: sa.ClauseElement) -> Statement:
        """The statement, compiled."""
        found = self.kept.get(id(statement))
        if found is None:
            if len(self.kept) > 5000:  # noqa: PLR2004 - a bound against statements built in a loop; they recompile
                self.kept.clear()
            found = self.kept[id(statement)] = (statement, self._compile(statement))
        return found[1]

    def _compile(self, statement: sa.ClauseElement) -> Statement:
        compiled = cast("SQLCompiler", statement.compile(dialect=self.dialect))
        binders: dict[str, Callable[[Any], Any]] = {}  # by name: one that stands twice is converted once
        for parameter, name in compiled.bind_names.items():
            convert = _binder(parameter.type, self.dialect)
            if convert is not None:
                binders[name] = convert
        readers: list[tuple[int, Callable[[Any], Any]]] = []
        if isinstance(statement, sa.sql.expression.ReturnsRows):
            for index, column in enumerate(statement.exported_columns):
                convert = _reader(column.type, self.dialect)
                if convert is not None:
                    readers.append((index, convert))
        return Statement(str(compiled), dict(compiled.params), tuple(binders.items()), tuple(readers))


def _binder(kind: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> Callable[[Any], Any] | None:
    if isinstance(kind, sa.types.TypeDecorator):
        return partial(kind.process_bind_param, dialect=dialect)
    return None


def _reader(kind: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> Callable[[Any], Any] | None:
    if isinstance(kind, sa.types.TypeDecorator):
        return partial(kind.process_result_value, dialect=dialect)
    if isinstance(kind, sa.Boolean) and dialect.name == "sqlite":
        return lambda value: None if value is None else bool(value)
    return None
