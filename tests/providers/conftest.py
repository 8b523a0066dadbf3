"""What the tests of the providers' clients share: probe, the clients seen from outside."""

import json
import os
import subprocess

import pytest

from ops.stack import repository
from ops.stack.daemons import clean_environment, provider_environment

from harness.fixtures import variant


class Outcome:
    def __init__(self, answer):
        self.ok = answer["ok"]
        self.code = answer.get("code", "ok")
        self.delay = answer.get("retry_after_ms", 0)
        self.message = answer.get("message", "")
        self.result = answer.get("result")

    def __repr__(self):
        return f"{self.code} after {self.delay} ms: {self.message}" if not self.ok else "ok"


class Probe:
    """probe("youtube", id) makes one call; settings beside the sandbox's go in by keyword."""

    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.program = os.path.join(repository(), "build", variant(), "tests", "providers", "provider_probe")

    def __call__(self, *arguments, **settings):
        environment = {**clean_environment(), **provider_environment(self.sandbox.url), "CHRONOS_EMBEDDER": "openai"}
        environment.update({name: str(value) for name, value in settings.items()})
        done = subprocess.run([self.program, *arguments], env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        for name, value in environment.items():
            if name.endswith(("_KEY", "_SECRET")) and value:
                assert value not in done.stdout, f"{name} is in the answer"
        return Outcome(json.loads(done.stdout))

    def asked(self, **query):
        """What the sandbox was asked in this test."""
        return self.sandbox.requests(**query)["requests"]


@pytest.fixture
def probe(sandbox):
    sandbox.delete("/_sandbox/requests")
    return Probe(sandbox)


@pytest.fixture
def answer_with(sandbox):
    """answer_with("youtubei", body, status=200): the next requests whose target matches get this answer."""

    def arrange(match, body, status=200, **more):
        return sandbox.add_fault(match, status=status, body=body, **more)

    return arrange
