"""Codes are what programs watch: the sources, the table of codes and the page that explains them say the same."""

import os
import re

from ops.stack import repository

from log_calls import calls, text_of


def table():
    text = text_of(os.path.join(repository(), "engine", "log_codes.inc"))
    return re.findall(r'^CODE\("([^"]+)", "((?:[^"\\]|\\.)+)"\)$', text, re.MULTILINE)


def page():
    text = text_of(os.path.join(repository(), "ops", "logs.md"))
    codes = text.split("## Codes", 1)[1]
    return re.findall(r"^\| `([a-z-]+)` \| (\w+) \| (.+?) \| (.+) \|$", codes, re.MULTILINE)


def test_every_call_is_found_with_constant_words():
    unclear = [file for _, words, file in calls() if words is None]
    assert not unclear, f"the words of a log line are a variable, so that it has no code: {unclear}"
    assert len(list(calls())) > 100


def test_every_line_has_a_code():
    known = {words for _, words in table()}
    missing = sorted({(words, file) for _, words, file in calls() if words not in known})
    assert not missing, f"give these a row in engine/log_codes.inc and ops/logs.md: {missing}"


def test_no_code_is_left_over():
    said = {words for _, words, _ in calls()}
    assert not [row for row in table() if row[1] not in said]


def test_codes_and_words_are_unique_and_sorted():
    codes = [code for code, _ in table()]
    assert codes == sorted(set(codes))
    assert len({words for _, words in table()}) == len(codes)


def test_the_page_explains_each_code_as_the_sources_have_it():
    levels = {}
    for level, words, _ in calls():
        levels.setdefault(words, set()).add(level)
    assert [(code, words) for code, _, words, _ in page()] == table()
    wrong = [code for code, level, words, _ in page() if level not in levels[words]]
    assert not wrong, f"the page has another level than the source: {wrong}"
    assert not [code for code, *_, meaning in page() if len(meaning) < 10]
