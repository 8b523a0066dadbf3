"""What the commands print: plain lines, a little colour on a terminal, and a few lines that are drawn again."""

import os
import re
import shutil
import sys

COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}


def is_terminal():
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def paint(text, colour):
    if not is_terminal() or "NO_COLOR" in os.environ:
        return text
    return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m"


def say(text=""):
    # control bytes of a title or a log must not reach the terminal; our own colours may
    print(re.sub(r"[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]|\x1b(?!\[\d+m)", "?", text), flush=True)


def heading(text):
    say()
    say(paint(text, "bold"))


def clock(seconds):
    """Minutes and seconds of a video, as players show them."""
    hours, rest = divmod(int(seconds), 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def duration(microseconds):
    if microseconds is None:
        return "-"
    if microseconds < 1000:
        return f"{microseconds} µs"
    if microseconds < 1000000:
        return f"{microseconds / 1000:.1f} ms"
    return f"{microseconds / 1000000:.2f} s"


def shorten(text, width):
    text = " ".join(str(text).split())
    return text if len(text) <= width else text[:width - 1].rstrip() + "…"


def counted(n, thing):
    return f"{n:,} {thing}{'' if n == 1 else 's'}"


class Panel:
    """Lines that are drawn over when they change. Without a terminal every changed line is printed once."""

    WIDTH = 80  # a line that wraps cannot be drawn over

    def __init__(self):
        self.lines = []

    def show(self, lines, plain):
        """`plain` holds for each line what is printed where nothing can be redrawn."""
        if not is_terminal() or shutil.get_terminal_size().columns < self.WIDTH:
            shown = self.lines
            for i, line in enumerate(plain):
                if i >= len(shown) or shown[i] != line:
                    say(line)
            self.lines = list(plain)
            return
        if lines == self.lines:
            return
        if self.lines:
            sys.stdout.write(f"\x1b[{len(self.lines)}A")
        for line in lines:
            sys.stdout.write("\x1b[2K")
            say(line)
        self.lines = list(lines)
