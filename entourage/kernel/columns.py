"""What tables are made of: column types and conditions that mean the same on SQLite and PostgreSQL."""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, cast

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as _upsert_insert
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(sa.types.TypeDecorator[datetime]):
    """A moment in UTC, kept as whole milliseconds since 1970."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        return None if value is None else to_ms(value)

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else from_ms(value)


class Json(sa.types.TypeDecorator[Any]):
    """A JSON value, kept as text."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: object, dialect: sa.Dialect) -> str | None:
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> object:
        return None if value is None else msgspec.json.decode(value)


class Choice(sa.types.TypeDecorator[StrEnum]):
    """A member of a StrEnum, kept as its text."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, members: type[StrEnum]) -> None:
        super().__init__()
        self.members = members
        self._by_text: dict[str, StrEnum] = {str(member): member for member in members}

    def process_bind_param(self, value: StrEnum | str | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> StrEnum | None:
        return None if value is None else self._by_text[value]


Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""A primary key that counts up by itself on both databases."""


def to_ms(moment: datetime) -> int:
    """Whole milliseconds since 1970 (rounded) of an aware moment."""
    return round(moment.timestamp() * 1000)


def from_ms(milliseconds: int) -> datetime:
    """The moment in UTC, the inverse of `to_ms`."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


class Among(sa.ColumnElement[bool]):
    """`column IN (the members of a list bound to one name)`, whatever its length; compiled once for all lengths."""

    inherit_cache = False
    _is_implicitly_boolean = True  # else SQLite would be asked `(…) = 1`, which no index can answer

    def __init__(self, column: sa.ColumnElement[Any], name: str) -> None:
        self.type = sa.Boolean()
        self.column = column
        numeric = isinstance(column.type, sa.Integer | sa.BigInteger)
        self.values = sa.bindparam(name, type_=_List(numeric=numeric))


class _List(sa.types.TypeDecorator[Any]):
    impl = sa.types.NullType  # renders no cast of its own
    cache_ok = True

    def __init__(self, *, numeric: bool) -> None:
        super().__init__()
        self.numeric = numeric

    def process_bind_param(self, value: Iterable[Any] | None, dialect: sa.Dialect) -> Any:
        values = list(value or ())
        return values if dialect.name == "postgresql" else msgspec.json.encode(values).decode()


@compiles(Among)
def _compile_among(element: Among, compiler: SQLCompiler, **kw: Any) -> str:  # pyright: ignore[reportUnusedFunction]  # registered
    column, values = compiler.process(element.column, **kw), compiler.process(element.values, **kw)
    if compiler.dialect.name == "sqlite":
        return f"{column} IN (SELECT value FROM json_each({values}))"
    cast_to = "bigint" if cast("_List", element.values.type).numeric else "text"
    return f"{column} = ANY(CAST({values} AS {cast_to}[]))"


def among(column: Any, name: str) -> Among:
    """A condition: `column` is one of the values bound to `name` (any iterable of ints or strings)."""
    return Among(column, name)


upsert = _upsert_insert
"""An INSERT that can say `.on_conflict_do_update/nothing(index_elements=[…], …)`; it compiles for both databases."""
