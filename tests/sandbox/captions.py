"""captions.py: the same timed segments in every caption format the providers hand out.

Manual captions are the sentences as written. Automatic captions are what a recogniser makes of them: lower case, no
punctuation, short lines that roll, so that a line stays until the line after the next one begins.
"""
import html
import json
import re
from dataclasses import dataclass

AUTO_LINE_WORDS = 7


@dataclass(frozen=True)
class Line:
    """One line of automatic captions."""
    start_ms: int
    end_ms: int  # when its last word ends
    gone_ms: int  # when it scrolls away
    words: tuple


def auto_lines(segments):
    """The words of all segments in lines of seven, with the times of rolling captions."""
    words = [(s.start_ms + offset, plain(word)) for s in segments for offset, word in s.words]
    words = [(at, word) for at, word in words if word]
    groups = [words[i:i + AUTO_LINE_WORDS] for i in range(0, len(words), AUTO_LINE_WORDS)]
    lines = []
    for i, group in enumerate(groups):
        start, end = group[0][0], group[-1][0] + 380
        gone = groups[i + 2][0][0] if i + 2 < len(groups) else end + 2000
        lines.append(Line(start, end, gone, tuple((at - start, word) for at, word in group)))
    return lines


def plain(word):
    return re.sub(r"[^\w'’-]", "", word).strip("-").lower()


def folded(text):
    """Two lines where the text is long, as subtitlers do."""
    middle = text.find(" ", len(text) // 2)
    return text if len(text) < 40 or middle < 0 else text[:middle] + "\n" + text[middle + 1:]


# ---- YouTube json3 ----

def json3(segments):
    events = [{"tStartMs": s.start_ms, "dDurationMs": s.end_ms - s.start_ms, "segs": [{"utf8": folded(s.text)}]}
              for s in segments]
    return json3_file([{}], [{}], [{}], events)


def json3_auto(segments):
    lines = auto_lines(segments)
    total = lines[-1].gone_ms if lines else 0
    events = [{"tStartMs": 0, "dDurationMs": total, "id": 1, "wpWinPosId": 1, "wsWinStyleId": 1}]
    for i, line in enumerate(lines):
        if i:  # the window gets a new line
            previous = lines[i - 1]
            events.append({"tStartMs": previous.end_ms, "dDurationMs": max(10, previous.gone_ms - previous.end_ms),
                           "wWinId": 1, "aAppend": 1, "segs": [{"utf8": "\n"}]})
        events.append({"tStartMs": line.start_ms, "dDurationMs": line.gone_ms - line.start_ms, "wWinId": 1,
                       "segs": [json3_word(i, *word) for i, word in enumerate(line.words)]})
    events.sort(key=lambda event: event["tStartMs"])
    return json3_file([{}], [{}, {"mhModeHint": 2, "juJustifCode": 0, "sdScrollDir": 3}],
                      [{}, {"apPoint": 6, "ahHorPos": 20, "avVerPos": 100, "rcRows": 2, "ccCols": 40}], events)


def json3_word(index, offset, word):
    if index == 0:
        return {"utf8": word, "acAsrConf": 0}
    return {"utf8": " " + word, "tOffsetMs": offset, "acAsrConf": 0}


def json3_file(pens, styles, positions, events):
    return json.dumps({"wireMagic": "pb3", "pens": pens, "wsWinStyles": styles, "wpWinPositions": positions,
                       "events": events}, ensure_ascii=False)


# ---- YouTube XML ----

def srv1(segments):
    """Seconds; the text is encoded twice."""
    rows = (f'<text start="{s.start_ms / 1000:g}" dur="{(s.end_ms - s.start_ms) / 1000:g}">'
            f"{xml(html.escape(folded(s.text)).replace('&#x27;', '&#39;'))}</text>" for s in segments)
    return f'<?xml version="1.0" encoding="utf-8" ?><transcript>{"".join(rows)}</transcript>'


def srv2(segments):
    rows = (f'<text t="{s.start_ms}" d="{s.end_ms - s.start_ms}">{xml(folded(s.text))}</text>' for s in segments)
    return f'<?xml version="1.0" encoding="utf-8" ?><timedtext>{"".join(rows)}</timedtext>'


def srv3(segments):
    rows = (f'<p t="{s.start_ms}" d="{s.end_ms - s.start_ms}">{xml(folded(s.text))}</p>\n' for s in segments)
    return srv3_file("", "".join(rows))


def srv3_auto(segments):
    rows = []
    for i, line in enumerate(auto_lines(segments)):
        if i:
            rows.append(f'<p t="{line.start_ms - 10}" w="1" a="1">\n</p>\n')
        words = "".join(f'<s ac="0">{xml(word)}</s>' if n == 0 else f'<s t="{offset}" ac="0"> {xml(word)}</s>'
                        for n, (offset, word) in enumerate(line.words))
        rows.append(f'<p t="{line.start_ms}" d="{line.gone_ms - line.start_ms}" w="1">{words}</p>\n')
    head = ('<head>\n<ws id="0"/>\n<ws id="1" mh="2" ju="0" sd="3"/>\n<wp id="0"/>\n'
            '<wp id="1" ap="6" ah="20" av="100" rc="2" cc="40"/>\n</head>\n')
    return srv3_file(head, '<w t="0" id="1" wp="1" ws="1"/>\n' + "".join(rows))


def srv3_file(head, body):
    return f'<?xml version="1.0" encoding="utf-8" ?><timedtext format="3">\n{head}<body>\n{body}</body>\n</timedtext>\n'


def ttml(segments):
    rows = "".join(f'<p begin="{clock(s.start_ms)}" end="{clock(s.end_ms)}">{xml(s.text)}</p>\n' for s in segments)
    return ('<?xml version="1.0" encoding="utf-8" ?>\n<tt xml:lang="en" xmlns="http://www.w3.org/ns/ttml">\n'
            f"<body><div>\n{rows}</div></body>\n</tt>\n")


def xml(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


# ---- WebVTT and SRT ----

def vtt(segments, header=""):
    cues = "".join(f"{clock(s.start_ms)} --> {clock(s.end_ms)}\n{vtt_text(folded(s.text))}\n\n" for s in segments)
    return f"WEBVTT{header}\n\n{cues}"


def vtt_numbered(segments):
    """As Mux writes its generated tracks: cues with ids."""
    cues = "".join(f"{i}\n{clock(s.start_ms)} --> {clock(s.end_ms)}\n{vtt_text(s.text)}\n\n"
                   for i, s in enumerate(segments, 1))
    return f"WEBVTT\n\n{cues}"


def vtt_spoken(segments, speaker):
    """As Loom writes its files: with the speaker's name."""
    cues = "".join(f"{i}\n{clock(s.start_ms)} --> {clock(s.end_ms)}\n<v {speaker}>{vtt_text(s.text)}</v>\n\n"
                   for i, s in enumerate(segments))
    return f"WEBVTT\n\n{cues}"


def vtt_auto(segments):
    """As YouTube: every cue repeats the line before it, and a tenth of a second later stands alone."""
    cues, previous = [], " "
    for line in auto_lines(segments):
        words = "".join(vtt_text(word) if n == 0 else f"<{clock(line.start_ms + offset)}><c> {vtt_text(word)}</c>"
                        for n, (offset, word) in enumerate(line.words))
        text = vtt_text(" ".join(word for _, word in line.words))
        cues.append(f"{clock(line.start_ms)} --> {clock(line.end_ms - 10)} align:start position:0%\n"
                    f"{previous}\n{words}\n\n"
                    f"{clock(line.end_ms - 10)} --> {clock(line.end_ms)} align:start position:0%\n{text}\n \n\n")
        previous = text
    return "WEBVTT\nKind: captions\nLanguage: en\n\n" + "".join(cues)


def vtt_text(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def srt(segments):
    return "".join(f"{i}\n{clock(s.start_ms, ',')} --> {clock(s.end_ms, ',')}\n{s.text}\n\n"
                   for i, s in enumerate(segments, 1))


def clock(ms, point="."):
    seconds, ms = divmod(int(ms), 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{ms:03}"


# ---- Loom's own ----

def phrases(segments):
    return json.dumps({"phrases": [{"ts": round(s.start_ms / 1000, 3), "value": f" {s.text} ", "speaker": 0}
                                   for s in segments]}, ensure_ascii=False)


YOUTUBE = {  # fmt: (manual, automatic, content type)
    "json3": (json3, json3_auto, "application/json; charset=UTF-8"),
    "srv1": (srv1, srv1, "text/xml; charset=UTF-8"),
    "srv2": (srv2, srv2, "text/xml; charset=UTF-8"),
    "srv3": (srv3, srv3_auto, "text/xml; charset=UTF-8"),
    "ttml": (ttml, ttml, "text/xml; charset=UTF-8"),
    "srt": (srt, srt, "text/plain; charset=UTF-8"),
    "vtt": (lambda s: vtt(s, "\nKind: captions\nLanguage: en"), vtt_auto, "text/vtt; charset=UTF-8"),
}


def youtube(segments, fmt, automatic):
    """(text, content type) of a caption file; None for an unknown format."""
    if fmt not in YOUTUBE:
        return None
    manual, auto, content_type = YOUTUBE[fmt]
    return (auto if automatic else manual)(segments), content_type
