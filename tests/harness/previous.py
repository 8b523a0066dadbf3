"""The release before: `ops/previous-release` names its commit. Whoever makes a release writes the one before into it."""

import os
import subprocess

import pytest

from ops.stack import repository


def git(*words, **options):
    return subprocess.run(["git", *words], cwd=repository(), capture_output=True, check=True, **options).stdout


def previous_commit():
    """Skips the test where the history is not there."""
    with open(os.path.join(repository(), "ops", "previous-release"), encoding="utf-8") as f:
        commit = f.read().strip()
    if subprocess.run(["git", "cat-file", "-e", commit + "^{commit}"], cwd=repository(), capture_output=True, check=False).returncode:
        pytest.skip("this checkout has not the history")
    return commit


def unpack(commit, folder, *paths):
    """The commit's files, or those below the paths, in a folder that is made."""
    os.makedirs(folder, exist_ok=True)
    subprocess.run(["tar", "x", "-C", folder], input=git("archive", commit, *paths), check=True)
