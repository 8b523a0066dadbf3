"""axe-core from npm: what it finds wrong with labels, roles, contrast and focus in the page as it is now."""

import json
import os
import shutil
import subprocess
import warnings

import pytest

from ops.stack import repository

VERSION = "4"


def source():
    """The library's text; kept in build/."""
    folder = os.path.join(repository(), "build", "axe", VERSION)
    file = os.path.join(folder, "node_modules", "axe-core", "axe.min.js")
    if not os.path.exists(file):
        if shutil.which("npm") is None:
            pytest.fail("npm is not installed: ops/install-deps.sh test")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "package.json"), "w", encoding="utf-8") as f:
            json.dump({"name": "axe", "private": True}, f)
        done = subprocess.run(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", f"axe-core@{VERSION}"], cwd=folder,
                              capture_output=True, text=True, timeout=300)
        if done.returncode != 0 and any(w in done.stderr for w in ("ENOTFOUND", "ETIMEDOUT", "ECONNREFUSED", "EAI_AGAIN")):
            shutil.rmtree(folder)
            warnings.warn("ACCESSIBILITY WAS NOT TESTED: the registry cannot be reached")
            pytest.skip("ACCESSIBILITY WAS NOT TESTED: the npm registry cannot be reached")
        assert done.returncode == 0, done.stderr
    with open(file, encoding="utf-8") as f:
        return f.read()


def violations(browser):
    """[sentence]: what is wrong and where."""
    browser.script(source())
    found = browser.driver.execute_async_script("""
        const done = arguments[arguments.length - 1];
        axe.run(document, {resultTypes: ["violations"]}).then((r) => done(r.violations), (e) => done([{id: String(e), help: "", nodes: []}]));""")
    return [f"{v['id']}: {v['help']}: {n['html'][:160]} {n['failureSummary'][:300]}" for v in found for n in (v["nodes"] or [{"html": "", "failureSummary": ""}])]
