"""`drill` is a stack under load with a Prometheus, for one accident."""

import os

import pytest

from chaos.conftest import seed  # pylint: disable=unused-import
from drills.drill import Drill
from harness.fixtures import finish


@pytest.fixture
def drill(session_folder, request, seed):  # pylint: disable=redefined-outer-name
    # a short path: the socket of Postgres is in it
    d = Drill(os.path.join(session_folder, "drill-" + request.node.name.split("_")[1]), seed)
    try:
        yield d.start()
    finally:
        d.end()
        finish(d.world)
