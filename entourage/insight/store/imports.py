"""Imports in the database."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from entourage.insight.importers.model import Format, Import, Status
from entourage.insight.store.tables import imports
from entourage.kernel.columns import among
from entourage.kernel.db import Row, Tx

_c = imports.c
_one = sa.select(imports).where(_c.id == sa.bindparam("import_id"))
_all = sa.select(imports).order_by(_c.id.desc()).limit(sa.bindparam("most"))
_own = _all.where(_c.owner == sa.bindparam("whose"))
_twin = (
    sa.select(imports)
    .where(
        _c.fingerprint == sa.bindparam("print"),
        _c.owner == sa.bindparam("whose"),
        _c.status != sa.literal_column(f"'{Status.DONE}'"),
    )
    .order_by(_c.id.desc())
    .limit(1)
)
_insert = (
    sa.insert(imports)
    .values({column.name: sa.bindparam(column.name) for column in _c if column.name != "id"})
    .returning(_c.id)
)
_delete = sa.delete(imports).where(_c.id == sa.bindparam("import_id"))
_at_position = sa.and_(
    _c.id == sa.bindparam("import_id"),
    _c.status == sa.literal_column(f"'{Status.RUNNING}'"),
    _c.position == sa.bindparam("expected", type_=_c.position.type),
)
_start = (
    sa.update(imports)
    .where(_c.id == sa.bindparam("import_id"))
    .values(
        status=Status.RUNNING.value,
        format=sa.bindparam("new_format"),
        size=sa.bindparam("new_size"),
        error=None,
        finished_at=None,
    )
)
_move = (
    sa.update(imports)
    .where(_at_position)
    .values({name: sa.bindparam(f"new_{name}", type_=_c[name].type) for name in (
        "position", "done_bytes", "counts", "bad", "problems",
    )})
)  # fmt: skip
_wait = (
    sa.update(imports)
    .where(_c.id == sa.bindparam("import_id"))
    .values(status=Status.WAITING.value, error=None, finished_at=None)
)
_end = (
    sa.update(imports)
    .where(_c.id == sa.bindparam("import_id"))
    .values(
        status=sa.bindparam("new_status"),
        error=sa.bindparam("new_error"),
        finished_at=sa.bindparam("at", type_=_c.finished_at.type),
    )
)
_end_unfinished = _end.where(
    sa.or_(*(_c.status == sa.literal_column(f"'{status}'") for status in (Status.WAITING, Status.RUNNING)))
)
_busy_paths = sa.select(_c.path).where(among(_c.status, "states"))


def _import(row: Row) -> Import:
    found = Import(*row)
    form = None if found.format is None else Format(found.format)
    return replace(found, format=form, status=Status(found.status))


def get(tx: Tx, import_id: int) -> Import | None:
    """The import, or None."""
    row = tx.one(_one, import_id=import_id)
    return None if row is None else _import(row)


def listing(tx: Tx, owner: int | None, most: int) -> Sequence[Import]:
    """The newest imports, of one owner or of all."""
    rows = tx.all(_all, most=most) if owner is None else tx.all(_own, most=most, whose=owner)
    return [_import(row) for row in rows]


def unfinished_twin(tx: Tx, owner: int, fingerprint: str) -> Import | None:
    """The newest import of the same input that did not come to its end."""
    row = tx.one(_twin, print=fingerprint, whose=owner)
    return None if row is None else _import(row)


def insert(tx: Tx, *, owner: int, name: str, path: str, fingerprint: str) -> int:
    """Note a new import; its number."""
    return tx.value(
        _insert,
        owner=owner, name=name, path=path, format=None, fingerprint=fingerprint, status=Status.WAITING.value, size=0,
        position={}, done_bytes=0, counts={}, bad=0, problems=[], error=None, created_at=tx.now, finished_at=None,
    )  # fmt: skip


def wait(tx: Tx, import_id: int) -> None:
    """Note that it is to be gone on with."""
    tx.run(_wait, import_id=import_id)


def start(tx: Tx, import_id: int, *, form: Format | None, size: int) -> None:
    """Note that it runs."""
    tx.run(_start, import_id=import_id, new_format=form, new_size=size)


def move(
    tx: Tx,
    found: Import,
    *,
    position: Mapping[str, Any],
    done_bytes: int,
    counts: Mapping[str, Mapping[str, int]],
    bad: int,
    problems: Sequence[str],
) -> bool:
    """Note how far it is; False where it was stopped, or somebody else has moved it since `found` was read."""
    return tx.run(
        _move,
        import_id=found.id, expected=found.position, new_position=position, new_done_bytes=done_bytes,
        new_counts=counts, new_bad=bad, new_problems=problems,
    ) == 1  # fmt: skip


def end(tx: Tx, import_id: int, status: Status, error: str | None = None, *, only_unfinished: bool = False) -> bool:
    """Note that it ended; whether there was one to end."""
    statement = _end_unfinished if only_unfinished else _end
    return tx.run(statement, import_id=import_id, new_status=status.value, new_error=error, at=tx.now) == 1


def delete(tx: Tx, import_id: int) -> None:
    """Forget it; what it brought stays."""
    tx.run(_delete, import_id=import_id)


def paths_in_use(tx: Tx) -> set[str]:
    """The inputs of imports that wait or run."""
    return {row[0] for row in tx.all(_busy_paths, states=[Status.WAITING.value, Status.RUNNING.value])}
