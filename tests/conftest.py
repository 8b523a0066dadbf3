"""The harness' fixtures are there for every suite."""

pytest_plugins = ["harness.fixtures"]
