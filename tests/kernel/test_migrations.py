"""The schema: migrations and tables say the same, on both databases."""

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

import entourage
from entourage.kernel import migrate


def _import_every_table() -> None:
    for module in pkgutil.walk_packages(entourage.__path__, "entourage."):
        if "store" in module.name.split(".") or module.name.endswith(".tables"):
            importlib.import_module(module.name)


def test_the_migrated_schema_is_the_one_the_tables_describe(database_url: str) -> None:
    _import_every_table()
    with migrate.connecting(database_url) as connection:
        assert migrate.differences(connection) == []


def test_every_index_and_condition_is_as_the_tables_describe(database_url: str) -> None:
    _import_every_table()
    with migrate.connecting(database_url) as connection:
        inspector = sa.inspect(connection)
        dialect = connection.dialect.name
        for table in migrate.metadata.sorted_tables:
            kept = {one["name"]: one for one in inspector.get_indexes(table.name)}
            for index in table.indexes:
                found = kept[str(index.name)]
                assert found["column_names"] == [column.name for column in index.columns], index.name
                assert bool(found["unique"]) == bool(index.unique), index.name
                wanted = index.dialect_options[dialect]["where"]
                where = found.get("dialect_options", {}).get(f"{dialect}_where")
                assert (where is None) == (wanted is None), index.name


def test_the_revisions_are_one_chain_in_the_order_of_their_names(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    assert migrate.pending(url) == migrate.revisions()
    assert migrate.migrate(url) == migrate.revisions()
    assert migrate.pending(url) == []
    assert migrate.migrate(url) == []


def test_a_database_of_a_newer_version_is_left_alone(database_url: str) -> None:
    with migrate.connecting(database_url) as connection, connection.begin():
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(RuntimeError, match="newer version"):
        migrate.migrate(database_url)


def test_processes_that_start_at_once_migrate_once(empty_database_url: str) -> None:
    code = "import sys; from entourage.kernel.migrate import migrate; print(len(migrate(sys.argv[1])))"
    started = [
        subprocess.Popen([sys.executable, "-c", code, empty_database_url], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = sorted(int(process.communicate(timeout=60)[0]) for process in started)
    assert [process.returncode for process in started] == [0, 0, 0]
    assert said == [0, 0, len(migrate.revisions())]
