"""The table of commands is what --help, completion and the manual are made of."""

import re
import shutil
import subprocess

import pytest


def commands(bare):
    text = bare("--help").out
    part = text[text.index("Commands:"):text.index("Options of every")]
    found = re.findall(r"^  ([a-z]+) ", part, re.M)
    assert len(found) >= 4
    return found


def options(bare, command):
    return set(re.findall(r"^  --([a-z-]+)", bare(command, "--help").out, re.M))


def test_help_of_each_command_has_examples_options_and_exit_codes(bare):
    for command in commands(bare):
        done = bare(command, "--help")
        assert done.code == 0 and done.err == ""
        examples = re.findall(rf"^  chronosctl {command}\b", done.out, re.M)
        assert examples, command
        assert "Exit codes:\n  0  " in done.out
        assert {"json", "help"} <= options(bare, command)


def test_examples_use_only_options_that_there_are(bare):
    for command in commands(bare):
        text = bare(command, "--help").out
        for line in re.findall(r"^  chronosctl (.*)$", text, re.M):
            if "|" in line or ">" in line:
                line = re.split(r"[|>]", line)[0]
            assert set(re.findall(r"--([a-z-]+)", line)) <= options(bare, command), line


def test_help_needs_neither_arguments_nor_stores(bare):
    done = bare("--help", CHRONOS_REDIS_URL="nonsense")
    assert done.code == 0 and done.out.startswith("chronosctl")
    assert bare().code == 2
    assert bare("--version").out.startswith("chronosctl ")


def complete(words, script):
    """What bash offers at the last of the words."""
    quoted = " ".join(f"'{w}'" for w in words)
    text = subprocess.run(
        ["bash", "-c", f"{script}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _chronosctl; "
         "printf '%s\\n' \"${COMPREPLY[@]}\""], capture_output=True, text=True, check=True).stdout
    return set(text.split())


def test_bash_completes_every_command_and_option(bare):
    script = bare("completion", "bash").out
    assert complete(["chronosctl", ""], script) == set(commands(bare)) | {"--help", "--version"}
    for command in commands(bare):
        wanted = {"--" + o for o in options(bare, command)}
        assert complete(["chronosctl", command, "--"], script) == wanted, command
    assert complete(["chronosctl", "completion", ""], script) == {"bash", "zsh"}
    assert complete(["chronosctl", "doc"], script) == {"doctor"}


def test_zsh_completion_names_every_command_and_option(bare):
    script = bare("completion", "zsh").out
    for command in commands(bare):
        assert re.search(rf"^        '{command}:", script, re.M), command
        part = script[script.index(f"        {command})\n"):]
        part = part[:part.index(";;")]
        assert set(re.findall(r"'--([a-z-]+)\[", part)) == options(bare, command), command


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh here")
def test_zsh_reads_its_completion(bare):
    done = subprocess.run(["zsh", "-n"], input=bare("completion", "zsh").out, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def rendered(page):
    if shutil.which("man") is None:
        pytest.skip("no man here")
    done = subprocess.run(["man", "--warnings", "-l", "-"], input=page, capture_output=True, text=True,
                          env={"PATH": "/usr/bin:/bin", "MANWIDTH": "200", "LC_ALL": "C.UTF-8", "MANPAGER": "cat"})
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_manual_has_every_command_option_and_exit_code(bare):
    text = rendered(bare("man").out)
    for command in commands(bare):
        assert re.search(rf"^ +chronosctl {command}\b", text, re.M), command
        for option in options(bare, command):
            assert f"--{option}" in text.replace("\u2010", "-"), (command, option)
    for code in range(6):
        assert re.search(rf"^ +{code} +\S", text, re.M), code


@pytest.mark.parametrize("daemon, setting", [("worker", "CHRONOS_WORKER_THREADS"), ("scheduler", "CHRONOS_AUDIT_MS"),
                                             ("console", "CHRONOS_CONSOLE_PORT")])
def test_manual_of_a_daemon_has_its_settings(bare, daemon, setting):
    text = rendered(bare("man", daemon).out)
    assert f"chronos-{daemon}" in text.replace("\u2010", "-") and setting in text and "EXIT STATUS" in text


@pytest.mark.parametrize("arguments, says", [
    (["nonsense"], "there is no command 'nonsense'"),
    (["doctr"], "did you mean doctor?"),
    (["foo"], "there is no command 'foo' (chronosctl --help)"),
    (["--json"], "command is missing"),
    (["--jsn", "doctor"], "there is no command '--jsn'"),
    (["doctor", "--ofline"], "there is no option --ofline; did you mean --offline?"),
    (["doctor", "-x"], "options have two dashes"),
    (["doctor", "more"], "'more': the command takes no argument"),
    (["doctor", "--offline=yes"], "--offline takes no value"),
    (["completion"], "shell is missing: which shell"),
    (["completion", "fish"], "shell 'fish': must be one of bash|zsh"),
    (["completion", "bash", "zsh"], "'zsh' is one argument too many"),
])
def test_a_wrong_command_line_is_told_in_one_sentence(bare, arguments, says):
    done = bare(*arguments)
    assert done.code == 2 and done.out == ""
    assert says in done.err and done.err.count("\n") == 1


def test_errors_are_json_when_asked_for(bare):
    done = bare("doctor", "--nonsense", "--json")
    assert done.code == 2 and done.error["code"] == "usage" and "--nonsense" in done.error["error"]
    done = bare("--json", "doctor", "--nonsense")
    assert done.code == 2 and done.error["code"] == "usage" and "--nonsense" in done.error["error"]


def test_a_bad_setting_is_named(bare):
    done = bare("migrate", CHRONOS_AUDIT_MS="soon")
    assert done.code == 2 and "CHRONOS_AUDIT_MS=soon: must be a whole number" in done.err
    done = bare("migrate", CHRONOS_REDIS_URL="http://x")
    assert done.code == 2 and "CHRONOS_REDIS_URL" in done.err
