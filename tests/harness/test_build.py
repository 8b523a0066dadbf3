"""What the build and `make test` say to somebody who has mistaken a name."""

import os
import subprocess
import uuid

from ops.stack import repository


def call(*command, **environment):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("CHRONOS_", "MAKE"))}
    return subprocess.run(command, cwd=repository(), env={**env, **environment}, capture_output=True, text=True, timeout=120)


def test_a_name_that_no_test_has_builds_nothing():
    name = f"test_{uuid.uuid4().hex}"
    done = call("tests/run.sh", ONLY=name)
    assert done.returncode == 1 and f"ONLY={name}: no file, suite or test has that in its name" in done.stdout
    assert "Building" not in done.stdout and done.stdout.endswith("\n0 passed, 0 failed\n")


def table(folder, symbol, function_id="my-function"):
    source = folder / "my_function.c"
    source.write_text(f"const struct function {symbol} = {{.id = \"{function_id}\"}};\n")
    return call("make", "-s", f"GEN={folder}", f"FUNCTION_SRC={source}", f"{folder}/functions.inc")


def test_a_function_is_named_after_its_file(tmp_path):
    done = table(tmp_path, "fn_mine")
    assert done.returncode != 0 and "my_function.c must define fn_my_function" in done.stderr
    assert not (tmp_path / "functions.inc").exists()
    for other in ("test-three", "my_function", "my-function-2"):
        done = table(tmp_path, "fn_my_function", other)
        assert done.returncode != 0
        assert 'my_function.c: the .id of fn_my_function must be "my-function", as the file is named' in done.stderr
        assert not (tmp_path / "functions.inc").exists()
    done = table(tmp_path, "fn_my_function")
    assert done.returncode == 0, done
    assert (tmp_path / "functions.inc").read_text() == "FUNCTION(fn_my_function)\n"
