"""`drill` is a stack with a Prometheus, ready for one accident; `unstarted` is the same before anything is started."""

import os

import pytest

from chaos.conftest import seed  # pylint: disable=unused-import
from drills.drill import Drill
from harness.fixtures import finish


@pytest.fixture
def unstarted(session_folder, request, seed):  # pylint: disable=redefined-outer-name
    # a short path: the socket of Postgres is in it
    d = Drill(os.path.join(session_folder, "drill-" + "-".join(request.node.name.split("_")[1:3])), seed)
    try:
        yield d
    finally:
        d.end()
        finish(d.world)
        d.cleanups.close()


@pytest.fixture
def drill(unstarted):
    return unstarted.start()
