"""library.py: the sample videos, and how their text lies in time.

A lesson is plain prose in library/lessons/<slug>.txt. A video is one line of library/<source>.json: where it lives,
which lesson is spoken in it, and in which state it is. From a lesson's text the timing of every sentence and word
follows by rule, so captions of any format, the generated recordings and their transcriptions agree with each other.
"""
import json
import random
import re
import threading
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "library"

WORD_MS = 380  # a calm speaker: about 150 words a minute with the pauses
SENTENCE_PAUSE_MS = 250
PARAGRAPH_PAUSE_MS = 1200
MAX_CAPTION_WORDS = 12

THREE_HOURS = "three-hours"  # a recording that no video has: tests put it into the storage themselves

ID_FORMS = {
    "youtube_video_id": re.compile(r"[0-9A-Za-z_-]{11}"),
    "embed_id": re.compile(r"[0-9a-f]{32}"),
    "mux_playback_id": re.compile(r"[0-9A-Za-z]{8,64}"),
    "whop_lesson_id": re.compile(r"lesn_[0-9A-Za-z]+"),
    "storage_path": re.compile(r"[^/]+/[^/]+/[^/]+"),
}
SOURCES = {  # source: name of its id
    "youtube": "youtube_video_id",
    "loom": "embed_id",
    "mux": "mux_playback_id",
    "whop": "whop_lesson_id",
    "upload": "storage_path",
}


@dataclass(frozen=True)
class Segment:
    """One caption: a sentence or a part of one."""
    start_ms: int
    end_ms: int
    text: str
    words: tuple  # of (offset_ms from start_ms, word)


@dataclass
class Video:
    source: str
    id: str
    title: str
    state: str = "ok"
    lesson: str = ""  # slug, or several joined by "+"; empty when nothing is spoken
    question: str = ""
    options: dict = field(default_factory=dict)  # everything else of its entry
    text: str = ""  # of the lesson

    @property
    def segments(self):
        return timed(self.text)

    @property
    def duration_ms(self):
        return self.segments[-1].end_ms + 1000 if self.text else 61000


@lru_cache(maxsize=256)
def timed(text):
    """The text as captions: a tuple of Segment in order, without overlaps."""
    segments, clock = [], 500
    for paragraph in filter(None, (p.strip() for p in text.split("\n\n"))):
        for sentence in re.split(r"(?<=[.!?])\s+", paragraph):
            for words in caption_lines(sentence.split()):
                offsets = tuple((i * WORD_MS, word) for i, word in enumerate(words))
                end = clock + len(words) * WORD_MS
                segments.append(Segment(clock, end, " ".join(words), offsets))
                clock = end
            clock += SENTENCE_PAUSE_MS
        clock += PARAGRAPH_PAUSE_MS
    return tuple(segments)


def caption_lines(words):
    """Cuts a sentence into lines of nearly equal length, none above the limit."""
    count = -(-len(words) // MAX_CAPTION_WORDS)
    size = -(-len(words) // count) if count else 1
    return [words[i:i + size] for i in range(0, len(words), size)]


class Library:
    """Everything that is on offer. Read once; only states change afterwards."""

    def __init__(self, folder=FOLDER):
        self.lessons = {path.stem: tidy(path.read_text(encoding="utf-8"))
                        for path in sorted((folder / "lessons").glob("*.txt"))}
        self.lock = threading.Lock()
        self.videos = {}  # (source, id) -> Video
        self.buckets = json.loads((folder / "buckets.json").read_text(encoding="utf-8"))
        for source in SOURCES:
            for entry in json.loads((folder / f"{source}.json").read_text(encoding="utf-8")):
                self.add(source, entry)
        combined = sorted({v.lesson for v in self.videos.values() if "+" in v.lesson})
        # A recording says in tones which of these it is: the order is the same in every run.
        self.recordings = sorted(self.lessons) + combined + [THREE_HOURS]

    def add(self, source, entry):
        options = dict(entry)
        key = options.pop(SOURCES[source])
        if not ID_FORMS[SOURCES[source]].fullmatch(key):
            raise ValueError(f"library/{source}.json: {key!r} is not a valid {SOURCES[source]}")
        video = Video(source, key, options.pop("title"), options.pop("state", "ok"),
                      options.pop("lesson", ""), options.pop("question", ""), options)
        video.text = self.text_of(video.lesson)
        self.videos[source, key] = video

    def text_of(self, lesson):
        if lesson == THREE_HOURS:
            lesson = "+".join(sorted(self.lessons) * 4)
        return "\n\n".join(self.lessons[slug] for slug in filter(None, lesson.split("+")))

    def find(self, source, key):
        return self.videos.get((source, key))

    def of(self, source):
        return [video for video in self.videos.values() if video.source == source]

    def set_state(self, key, state):
        """Changes the state of every video with this id; false when there is none."""
        found = [video for video in self.videos.values() if video.id == key]
        with self.lock:
            for video in found:
                video.state = state
        return bool(found)

    @lru_cache(maxsize=4096)
    def synthetic(self, key):
        """The captioned video behind an id that begins with bulk or slow: small, and different for every id; with hour: an
        hour long."""
        if key.startswith("hour"):
            text = self.text_of("+".join([*sorted(self.lessons), *sorted(self.lessons)[:2]]))
            return Video("youtube", key, f"Sample {key}", "ok", "", "", {"captions": "manual"}, text)
        dice = random.Random(key)
        sentences = [s for text in self.lessons.values() for s in re.split(r"(?<=[.!?])\s+", text) if len(s) > 40]
        chosen = dice.sample(sentences, min(8, len(sentences)))
        text = " ".join([f"This is the recording with the number {key}."] + chosen)
        return Video("youtube", key, f"Sample {key}", "ok", "", "", {"captions": "manual"}, text)

    def listing(self):
        """What GET /_sandbox/library answers."""
        return [{
            "source": video.source,
            "title": video.title,
            SOURCES[video.source]: video.id,
            "state": video.state,
            "lesson": video.lesson or None,
            "words": len(video.text.split()),
            "duration_seconds": round(video.duration_ms / 1000, 1),
            "question": video.question or None,
        } for video in self.videos.values()]


def tidy(text):
    """Lines of a paragraph become one; paragraphs stay apart."""
    return "\n\n".join(" ".join(p.split()) for p in text.split("\n\n") if p.strip())
