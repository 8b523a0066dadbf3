import pytest

from harness.fixtures import new_database

from conftest import Ctl


@pytest.fixture
def fresh(postgres):
    name = new_database(postgres, "template0")
    yield Ctl({"CHRONOS_DATABASE_URL": postgres.url(name)})
    postgres.admin(f"drop database {name} with (force)")


def test_an_empty_database_is_migrated_once(fresh):
    before = fresh.json("migrate", "--check", code=1)
    assert before["version"] == 0 and not before["up_to_date"]
    first = fresh.json("migrate")
    assert first["before"] == 0 and first["version"] == first["newest"] and first["up_to_date"]
    again = fresh("migrate")
    assert again.code == 0 and "up to date" in again.out
    assert fresh("migrate", "--check").code == 0


def test_postgres_away(bare):
    done = bare("migrate", CHRONOS_DATABASE_URL="postgresql://u:geheim7@127.0.0.1:1/x")
    assert done.code == 4 and "CHRONOS_DATABASE_URL" in done.err and "geheim7" not in done.err
