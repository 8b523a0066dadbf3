"""Postgres is away, or has no room."""

import os

from chaos.faults import Fault, StopPostgres
from chaos.test_full_disk import SmallDisk

DISK_MB = 192


class FullPostgres(Fault):
    """Its disk is full. It may give up, and is started again when there is room."""

    def __init__(self, disk):
        self.disk = disk

    def strike(self, world, target):
        self.disk.fill()

    def heal(self, world, target):
        self.disk.empty()
        postgres = world.stack.postgres
        if not postgres.process.is_running():
            postgres.process.forget()
            postgres.start()


def test_postgres_restarted(drill):
    drill.load()
    drill.strike(StopPostgres(), "postgres", "ChronosPostgresErrors")
    drill.check_promises()


def test_postgres_disk_full(unstarted):
    """Skipped, and says so, where nobody may mount a file system."""
    disk = SmallDisk(os.path.join(unstarted.world.stack.folder, "postgres"), DISK_MB)
    unstarted.cleanups.callback(disk.remove)
    unstarted.start()
    assert unstarted.world.stack.postgres.home == disk.folder
    unstarted.load()
    unstarted.strike(FullPostgres(disk), "postgres", "ChronosPostgresErrors")
    unstarted.check_promises()
