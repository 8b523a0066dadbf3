"""Postgres is away, or has no room."""

from chaos.faults import StopPostgres


def test_postgres_restarted(drill):
    drill.load()
    drill.strike(StopPostgres(), "postgres", "ChronosPostgresErrors")
    drill.check_promises()
