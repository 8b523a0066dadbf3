"""A rolling upgrade, script by script: each call is that of this release or of the one before, by chance."""

import os
import random
import time

import pytest

from harness.previous import previous_commit, unpack
from model import Model
from partition import Partition, script_text
from test_model import play


class MixedPartition(Partition):
    """Of the same Redis as `p`; `before`: the folder with the scripts of the release before."""

    def __init__(self, p, before):
        self.redis, self.prefix, self.before = p.redis, p.prefix, before
        self.known = {None: {}, before: {}}
        self.source, self.rnd = None, random.Random()

    def call_on(self, first_key, script, *args):
        self.source = self.rnd.choice([None, self.before])
        self.shas = self.known[self.source]
        return super().call_on(first_key, script, *args)

    def text_of(self, script):
        there = self.source and os.path.exists(os.path.join(self.source, "lua", script + ".lua"))
        return script_text(script, self.source if there else None)


class MixedModel(Model):
    """What lua/README.md says of two releases side by side: who may not hand a slot straight on is not always written down."""

    def check_room(self, chosen):
        pass

    def check_tangled(self, s):
        pass

    def check_leftovers(self):
        self.p.redis.delete(self.p.key("tangled"))
        super().check_leftovers()


@pytest.fixture
def mixed(p, tmp_path):
    unpack(previous_commit(), tmp_path, "lua")
    return MixedPartition(p, str(tmp_path))


def test_random_calls_of_two_releases_keep_the_promises(mixed):
    given = os.environ.get("CHRONOS_TEST_SEED")
    end = time.monotonic() + float(os.environ.get("CHRONOS_TEST_FUZZ_SECONDS", "15"))
    while True:
        seed = int(given or random.randrange(10**9))
        mixed.rnd.seed(seed)
        play(mixed, seed, MixedModel)
        if given or time.monotonic() >= end:
            return
