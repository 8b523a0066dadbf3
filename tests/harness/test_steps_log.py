"""The reader of steps.log sees whole lines, each once."""

from steps_log import StepsLog


def padded(text):
    return text.encode().ljust(255) + b"\n"


def test_lines_are_read_once_in_the_order_of_their_times(tmp_path):
    path = tmp_path / "steps.log"
    log = StepsLog(path)
    assert log.happenings() == []
    path.write_bytes(padded("2000000 end r f s 1 77 c") + padded("1000000 start r f s 1 77 c"))
    assert [(h.at, h.what, h.attempt, h.pid, h.creator) for h in log.happenings()] == [
        (1.0, "start", 1, 77, "c"), (2.0, "end", 1, 77, "c")]
    with path.open("ab") as f:
        f.write(padded("3000000 start r2 f s 2 78 c"))
    assert [h.run for h in log.happenings()] == ["r", "r", "r2"]


def test_a_line_is_read_when_it_is_whole(tmp_path):
    path = tmp_path / "steps.log"
    log = StepsLog(path)
    line = padded("1000000 start r f s 1 77 c")
    path.write_bytes(line + line[:40])
    assert len(log.happenings()) == 1
    with path.open("ab") as f:
        f.write(line[40:])
    assert len(log.happenings()) == 2


def test_a_creator_may_be_any_text(tmp_path):
    path = tmp_path / "steps.log"
    names = ["", "-", "two words", "caf\u00e9\u2028x", "a \x85 b"]
    path.write_bytes(b"".join(padded(f"1 start r f s 1 77 {n}") for n in names) + b"1 start r f s 1 77 \xc3 \n")
    assert {h.creator for h in StepsLog(path).happenings()} == {*names, "\ufffd"}
