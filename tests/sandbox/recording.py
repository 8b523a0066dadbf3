"""recording.py: makes the sample recordings, and hears which one it is listening to.

Nobody speaks in a recording. Where a sentence would be spoken there is a tone, where the speaker pauses there is
silence. The tones are a code: each caption begins with one tone that names the lesson and goes on with two that give
the caption's number. They survive cutting and re-encoding, so the transcription endpoint recognises any piece of a
sample recording and where in it the piece begins, without being told:

    |- lesson 0.3 s -|- number / 40, 0.3 s -|- number % 40, to the caption's end -|   pause   |- lesson …

A recording of more than 1,600 captions has as many lesson tones as it needs; each counts from 0 again.

With ffmpeg the files are what their extension says; without it they are all WAV.
"""
import array
import json
import math
import os
import shutil
import subprocess
import tempfile
import threading
import wave
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from library import timed

RATE = 8000
LOUD = 9000  # of 32767
QUIET = 300  # frames below are silence
CODE_MS = 300
LESSON_HZ, LESSON_STEP, LESSONS = 400, 12, 30
HIGH_HZ, LOW_HZ, DIGIT_STEP, DIGITS = 900, 1800, 20, 40
HUM_HZ = 250  # a caption too short for the code
FRAME_MS = 50
LISTEN_SECONDS = 60  # how far into a file the code is looked for
RUN_SECONDS = 120  # the longest one ffmpeg may take

SPECIALS = ("silence", "no-audio", "broken")  # recordings without a lesson
SPECIAL_SECONDS = 61
CODECS = {  # extension: (content type, how ffmpeg writes it)
    "mp4": ("video/mp4", ["-f", "mp4", "-c:v", "mpeg4", "-c:a", "aac", "-b:a", "32k"]),
    "m4a": ("audio/mp4", ["-f", "mp4", "-vn", "-c:a", "aac", "-b:a", "32k"]),
    "mp3": ("audio/mpeg", ["-f", "mp3", "-vn", "-c:a", "libmp3lame", "-b:a", "32k"]),
    "ogg": ("audio/ogg", ["-f", "ogg", "-vn", "-c:a", "libopus", "-b:a", "24k"]),
    "webm": ("video/webm", ["-f", "webm", "-vn", "-c:a", "libopus", "-b:a", "24k"]),
    "wav": ("audio/wav", ["-f", "wav", "-vn", "-c:a", "pcm_s16le"]),
}
CONTENT_TYPES = {**{extension: kind for extension, (kind, _) in CODECS.items()}, "m4v": "video/x-m4v",
                 "mov": "video/quicktime"}


@dataclass(frozen=True)
class Heard:
    """What a file turned out to hold."""
    seconds: float  # None: it could not be decoded
    lesson: str = ""  # empty: no sample recording
    start_ms: int = 0  # where in the recording the file begins
    is_silent: bool = False


class Studio:
    """Makes recordings on first use and keeps them in a folder; one is made at a time."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.has_ffmpeg = bool(shutil.which("ffmpeg") and shutil.which("ffprobe"))
        self.lock = threading.Lock()
        self.children = set()
        self.ears = threading.BoundedSemaphore(2)  # decoding is work for a processor

    def use(self, library):
        self.library = library

    def knows(self, name):
        return name in self.library.recordings or name in SPECIALS

    def file(self, name, extension):
        """(bytes, content type) of a recording."""
        extension = {"mov": "mp4", "m4v": "mp4"}.get(extension, extension)
        if extension not in CODECS or not self.has_ffmpeg:
            extension = "wav"
        path = self.folder / f"{name}.{extension}"
        with self.lock:
            if not path.exists():
                self.make(name, extension, path)
        return path.read_bytes(), CODECS[extension][0]

    def make(self, name, extension, path):
        draft = path.with_suffix(".draft")
        if self.has_ffmpeg:
            self.make_with_ffmpeg(name, extension, draft)
        else:
            write_wav(draft, self.samples(name))
        if name == "broken":  # an upload that stopped half way: the index at the end is missing
            draft.write_bytes(draft.read_bytes()[:draft.stat().st_size // 2])
        os.replace(draft, path)

    def make_with_ffmpeg(self, name, extension, path):
        source = self.folder / f"{name}.source.wav"
        write_wav(source, self.samples(name))
        command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", str(source)]
        if extension == "mp4":
            seconds = source.stat().st_size // (2 * RATE)
            command += ["-f", "lavfi", "-i", f"color=c=0x405060:s=128x72:r=1:d={seconds}"]
        command += ["-an"] if name == "no-audio" else []
        command += ["-ar", "16000", "-ac", "1", *CODECS[extension][1], str(path)]
        status, _ = self.run(command)
        source.unlink()
        if status != 0:
            raise RuntimeError(f"ffmpeg could not make {path.name}")

    def samples(self, name):
        """The recording as blocks of 16-bit samples."""
        if name == "broken":
            yield from (tone(HUM_HZ, 1000) for _ in range(SPECIAL_SECONDS))
        elif name in SPECIALS:
            yield from (silence(1000) for _ in range(SPECIAL_SECONDS))
        else:
            yield from coded(self.places().index((name, 0)), timed(self.library.text_of(name)))

    def places(self):
        """What each lesson tone stands for: (recording, number of its first caption)."""
        return [(name, first) for name in self.library.recordings
                for first in range(0, len(timed(self.library.text_of(name))), DIGITS * DIGITS)]

    def listen(self, data, extension):
        """What the bytes of an audio file hold."""
        with self.ears, tempfile.NamedTemporaryFile(suffix=f".{extension}", dir=self.folder) as f:
            f.write(data)
            f.flush()
            seconds, samples = self.decode(f.name) if self.has_ffmpeg else decode_wav(f.name, data)
        if seconds is None:
            return Heard(None)
        return self.recognise(seconds, samples)

    def decode(self, path):
        """(seconds, samples of the beginning); (None, None) when there is no sound in it."""
        status, sound = self.run(
            ["ffmpeg", "-nostdin", "-v", "quiet", "-protocol_whitelist", "file,pipe", "-t", str(LISTEN_SECONDS),
             "-i", f"file:{path}", "-map", "0:a:0", "-f", "s16le", "-ac", "1", "-ar", str(RATE), "-"])
        if status != 0 or len(sound) < 2:
            return None, None
        samples = array.array("h", sound[:len(sound) & ~1])
        return self.probe(path) or len(samples) / RATE, samples

    def probe(self, path):
        """Seconds, or None when the file does not say."""
        _, text = self.run(["ffprobe", "-v", "quiet", "-protocol_whitelist", "file", "-print_format", "json",
                            "-show_entries", "format=duration", f"file:{path}"])
        try:
            return float(json.loads(text)["format"]["duration"])
        except (ValueError, KeyError, TypeError):
            return None

    def run(self, command):
        """(exit status, stdout). The child is known, so that close can end it."""
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.children.add(child)
        try:
            output, _ = child.communicate(timeout=RUN_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            output, _ = child.communicate()
        finally:
            self.children.discard(child)
        return child.returncode, output

    def close(self):
        """The process is about to end, whatever its threads are doing."""
        for child in list(self.children):
            child.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def recognise(self, seconds, samples):
        marks = [mark(frame) for frame in frames(samples)]
        found = find_code(marks)
        places = self.places()
        if found and found[0] < len(places):
            lesson, first = places[found[0]]
            number, at_ms = first + found[1], exact_start(samples, found[2])
            captions = timed(self.library.text_of(lesson))
            if number < len(captions):
                return Heard(seconds, lesson, max(0, captions[number].start_ms - at_ms))
        return Heard(seconds, is_silent=all(m == "silence" for m in marks))


# ---- making ----

def coded(lesson, segments):
    clock = 0
    for number, s in enumerate(segments):
        yield silence(s.start_ms - clock)
        length = s.end_ms - s.start_ms
        if length < 4 * CODE_MS:
            yield tone(HUM_HZ, length)
        else:
            yield tone(LESSON_HZ + LESSON_STEP * (lesson + number // DIGITS**2), CODE_MS)
            yield tone(HIGH_HZ + DIGIT_STEP * (number // DIGITS % DIGITS), CODE_MS)
            yield tone(LOW_HZ + DIGIT_STEP * (number % DIGITS), length - 2 * CODE_MS)
        clock = s.end_ms
    yield silence(1000)


def silence(ms):
    return bytes(2 * (ms * RATE // 1000))


def tone(hz, ms):
    second = one_second(hz)
    count = ms * RATE // 1000
    return (second * (count // RATE + 1))[:2 * count]


@lru_cache(maxsize=None)
def one_second(hz):
    step = 2 * math.pi * hz / RATE
    return array.array("h", (round(LOUD * math.sin(i * step)) for i in range(RATE))).tobytes()


def write_wav(path, blocks):
    with wave.open(str(path), "wb") as f:
        f.setnchannels(1)
        f.setsampwidth(2)
        f.setframerate(RATE)
        for block in blocks:
            f.writeframesraw(block)


# ---- hearing ----

def decode_wav(path, data):
    """The same without ffmpeg: 16-bit WAV is heard, of Ogg only the length is known."""
    if data.startswith(b"OggS"):
        return ogg_seconds(data), array.array("h", tone(HUM_HZ, 1000))
    try:
        with wave.open(path, "rb") as f:
            rate, channels, count = f.getframerate(), f.getnchannels(), f.getnframes()
            raw = f.readframes(min(count, LISTEN_SECONDS * rate))
            if f.getsampwidth() != 2 or count == 0 or rate < RATE:
                return None, None
    except (wave.Error, EOFError):
        return None, None
    samples = array.array("h", raw[:len(raw) & ~1])
    step = rate * channels / RATE
    picked = array.array("h", (samples[int(i * step) // channels * channels]
                               for i in range(int(len(samples) / step))))
    return count / rate, picked


def ogg_seconds(data):
    """From the last page's position; Opus counts in 1/48,000 s, Vorbis as its header says."""
    page = data.rfind(b"OggS")
    if len(data) < page + 14:
        return None
    rate = 48000
    vorbis = data.find(b"\x01vorbis")
    if 0 <= vorbis <= len(data) - 16:
        rate = int.from_bytes(data[vorbis + 12:vorbis + 16], "little") or rate
    return int.from_bytes(data[page + 6:page + 14], "little", signed=True) / rate


def frames(samples):
    size = RATE * FRAME_MS // 1000
    return (samples[i:i + size] for i in range(0, len(samples) - size + 1, size))


def mark(frame):
    """What one frame is: "silence", ("lesson"|"high"|"low", digit), or "noise"."""
    if max(frame) < QUIET and min(frame) > -QUIET:
        return "silence"
    hz = frequency(frame)
    for name, base, step, count in (("lesson", LESSON_HZ, LESSON_STEP, LESSONS),
                                    ("high", HIGH_HZ, DIGIT_STEP, DIGITS), ("low", LOW_HZ, DIGIT_STEP, DIGITS)):
        digit = round((hz - base) / step)
        if 0 <= digit < count and abs(hz - base - digit * step) < step / 3:
            return name, digit
    return "noise"


def frequency(frame):
    """Hz, from the first and the last rising passage through zero; 0 when there are too few."""
    first = last = None
    passages = 0
    for i in range(1, len(frame)):
        if frame[i - 1] < 0 <= frame[i]:
            at = i - frame[i] / (frame[i] - frame[i - 1])
            if first is None:
                first = at
            last = at
            passages += 1
    return (passages - 1) * RATE / (last - first) if passages > 2 else 0


def find_code(marks):
    """(lesson, number, ms) of the first whole code, or None. It counts only if what precedes it was heard too."""
    runs = runs_of(marks)
    for i in range(1, len(runs) - 2):
        (a, at, a_length), (b, _, b_length), (c, _, c_length) = runs[i:i + 3]
        if (is_tone(a, "lesson") and is_tone(b, "high") and is_tone(c, "low")
                and a_length >= 4 and b_length >= 4 and c_length >= 4):
            return a[1], b[1] * DIGITS + c[1], at * FRAME_MS
    return None


def exact_start(samples, frame_ms):
    """When the sound begins that is there in this frame: to the millisecond, if silence is before it."""
    first, last = (RATE * max(0, frame_ms + ms) // 1000 for ms in (-2 * FRAME_MS, FRAME_MS))
    quiet = next((i for i in range(last, first, -1)
                  if all(-QUIET < s < QUIET for s in samples[max(0, i - RATE // 50):i])), None)
    return frame_ms if quiet is None else quiet * 1000 // RATE


def is_tone(mark_, name):
    return mark_[0] == name


def runs_of(marks):
    """(mark, index of its first frame, frames) of every stretch; a noisy frame at a change of tone is left out."""
    runs = []
    for i, m in enumerate(marks):
        if runs and runs[-1][0] == m:
            runs[-1][2] = i - runs[-1][1] + 1
        elif m != "noise":
            runs.append([m, i, 1])
    return [run for run in runs if run[2] > 1 or run[0] == "silence"]
