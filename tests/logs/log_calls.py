"""What the sources of the daemons log: every call of log_error, log_warn, log_info and log_debug with its words."""

import glob
import os
import re

from ops.stack import repository

FOLDERS = ("engine", "scheduler", "worker", "console")

# Calls whose words are not in the call, and where they are instead: an expression whose group is the words.
ELSEWHERE = {
    ("scheduler/rebuild.c", "what"): ("scheduler/rebuild.c", r'tell\(&?b, "([^"]+)"\)'),
    ("scheduler/watcher.c", "t->def->failure"): ("scheduler/*.c", r'\.failure = "([^"]+)"'),
}


def sources(pattern="**/*.c"):
    for folder in FOLDERS:
        yield from sorted(glob.glob(os.path.join(repository(), folder, pattern), recursive=True))


def text_of(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def first_argument(text, at):
    """The source text from `at` to the first comma that is in no parentheses and no string."""
    depth, quoted, i = 0, False, at
    while quoted or depth or text[i] != ",":
        c = text[i]
        if quoted:
            i += c == "\\"
            quoted = c != '"'
        else:
            quoted = c == '"'
            depth += {"(": 1, ")": -1}.get(c, 0)
        i += 1
    return text[at:i].strip()


def words_in(expression):
    """Each string of the expression, adjacent pieces joined: two for a choice, none for a variable."""
    for pieces in re.findall(r'((?:"(?:[^"\\]|\\.)*"\s*)+)', expression):
        yield "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', pieces))


def calls():
    """(level, words, file) of every call. A call with a variable that ELSEWHERE does not know has the words None."""
    for path in sources():
        name = os.path.relpath(path, repository())
        text = text_of(path)
        for call in re.finditer(r"\blog_(error|warn|info|debug)\(", text):
            argument = first_argument(text, call.end())
            words = list(words_in(argument))
            if not words and (name, argument) in ELSEWHERE:
                where, pattern = ELSEWHERE[name, argument]
                for other in glob.glob(os.path.join(repository(), where)):
                    words += re.findall(pattern, text_of(other))
            for w in words or [None]:
                yield call.group(1), w, name
