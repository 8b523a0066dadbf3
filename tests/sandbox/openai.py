"""openai.py: speech to text, embeddings and the list of models.

    POST /openai/v1/audio/transcriptions   listens to the file (recording.py) and answers with the words spoken in it
    POST /openai/v1/embeddings             texts that share words get vectors near each other; the same every time
    GET  /openai/v1/models[/{model}]
"""
import base64
import hashlib
import itertools
import math
import os
import re
import struct
import time
from functools import lru_cache

import captions
from library import WORD_MS, Segment, timed
from wire import BadRequest, json_response, multipart, text_response

EMBEDDING_MODELS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}
SPEECH_MODELS = {  # model: formats
    "whisper-1": ("json", "text", "srt", "verbose_json", "vtt"),
    "gpt-4o-transcribe": ("json",),
    "gpt-4o-mini-transcribe": ("json",),
}
AUDIO_FORMATS = ("flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm")
MAX_SPEECH_BODY = 26_214_400
MAX_GPT_SECONDS = 1400
MAX_INPUTS = 2048
MAX_INPUT_TOKENS = 8192
MAX_REQUEST_TOKENS = 300_000
DEFAULT_LESSON = 0  # spoken in recordings that are none of ours

TYPES = {401: "invalid_request_error", 403: "request_forbidden", 413: "server_error", 429: "requests",
         500: "server_error", 503: "service_unavailable_error"}
CODES = {401: "invalid_api_key", 429: "rate_limit_exceeded", 503: "server_is_overloaded"}
MESSAGES = {
    401: "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.",
    429: "Rate limit reached for requests on requests per min (RPM): Limit 500, Used 500, Requested 1. "
         "Please try again in 120ms.",
    500: "The server had an error while processing your request. Sorry about that!",
    503: "The engine is currently overloaded, please try again later.",
}


class Refused(Exception):
    """An answer in OpenAI's error shape."""

    def __init__(self, status, message, code=None, kind="invalid_request_error", param=None):
        super().__init__(message)
        self.status, self.message, self.code, self.kind, self.param = status, message, code, kind, param


class OpenAI:
    max_body = MAX_SPEECH_BODY

    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.served = itertools.count(1)

    def handle(self, request):
        started = time.monotonic()
        try:
            self.check_key(request)
            response = self.route(request)
        except Refused as e:
            response = error_response(e)
        response.headers.update(self.common_headers(started))
        return response

    def route(self, request):
        parts = request.segments
        if request.method == "POST" and request.path == "/audio/transcriptions":
            return self.transcribe(request)
        if request.method == "POST" and request.path == "/embeddings":
            return embed(request)
        if request.method == "GET" and parts[0] == "models" and len(parts) <= 2:
            return models(parts[1] if len(parts) == 2 else None)
        raise Refused(404, f"Invalid URL ({request.method} /v1{request.path})")

    def error(self, status, message=""):
        """The usual body of a status; what is refused before it is read comes here as well."""
        response = error_response(Refused(status, message or MESSAGES.get(status, f"HTTP {status}"),
                                          CODES.get(status), TYPES.get(status, "invalid_request_error")))
        response.headers.update(self.common_headers(time.monotonic()))
        return response

    def check_key(self, request):
        key = request.bearer()
        if self.sandbox.is_key(key):
            return
        if not key:
            raise Refused(401, "You didn't provide an API key. You need to provide your API key in an Authorization "
                               "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).")
        raise Refused(401, f"Incorrect API key provided: {key[:3]}***{key[-4:]}. You can find your API key at "
                           "https://platform.openai.com/account/api-keys.", "invalid_api_key")

    def common_headers(self, started):
        used = next(self.served) % 500
        return {
            "x-request-id": f"req_{os.urandom(16).hex()}",
            "openai-processing-ms": str(max(1, round((time.monotonic() - started) * 1000))),
            "openai-version": "2020-10-01",
            "x-ratelimit-limit-requests": "500",
            "x-ratelimit-limit-tokens": "1000000",
            "x-ratelimit-remaining-requests": str(499 - used),
            "x-ratelimit-remaining-tokens": "999000",
            "x-ratelimit-reset-requests": "120ms",
            "x-ratelimit-reset-tokens": "60ms",
        }

    # ---- speech ----

    def transcribe(self, request):
        form, file, granularities = read_form(request)
        request.note.update(form=form, file={"name": file.filename, "type": file.content_type,
                                             "bytes": len(file.data)})
        model, shape = form["model"], form.get("response_format", "json")
        check_model(model, shape)
        extension = (file.filename or "").rpartition(".")[2].lower() if "." in (file.filename or "") else ""
        if extension not in AUDIO_FORMATS:
            raise Refused(400, f"Invalid file format. Supported formats: {list(AUDIO_FORMATS)}")
        heard = self.sandbox.media.listen(file.data, extension)
        if heard.seconds is None:
            raise Refused(400, "The audio file could not be decoded or its format is not supported.")
        if heard.seconds < 0.1:
            raise Refused(400, "Audio file is too short. Minimum audio length is 0.1 seconds.", "audio_too_short",
                          param="file")
        if model != "whisper-1" and heard.seconds > MAX_GPT_SECONDS:
            raise Refused(400, f"audio duration {heard.seconds:.3f} seconds is longer than {MAX_GPT_SECONDS} seconds "
                               "which is the maximum for this model", "invalid_value")
        segments = self.spoken(heard, file.filename, form.get("prompt", ""))
        request.note.update(lesson=heard.lesson, start_ms=heard.start_ms, seconds=round(heard.seconds, 2))
        return transcription(segments, heard.seconds, model, shape, granularities)

    def spoken(self, heard, filename, prompt):
        """The captions said in this file, on the file's own clock."""
        if heard.is_silent:
            return []
        length = round(heard.seconds * 1000)
        library = self.sandbox.library
        if heard.lesson:
            return between(timed(library.text_of(heard.lesson)), heard.start_ms, length)
        # Not one of our recordings: a lesson named in the file name or prompt, else the default one; the parts of a
        # recording go on in it from where the part before must have ended.
        named = [slug for slug in library.lessons if slug in filename or slug in prompt.lower()]
        text = library.text_of((named or sorted(library.lessons))[DEFAULT_LESSON])
        part = re.search(r"(\d+)\.\w+$", filename)
        start = int(part[1]) * length if part and int(part[1]) < 1000 else 0
        captions_ = timed(text)
        return between(captions_, start % captions_[-1].end_ms, length)


def between(segments, start_ms, length_ms):
    """Captions whose middle lies in the span: every caption is in exactly one of the parts of a recording."""
    found = []
    for s in segments:
        if start_ms <= (s.start_ms + s.end_ms) // 2 < start_ms + length_ms:
            start = max(0, s.start_ms - start_ms)
            found.append(Segment(start, min(length_ms, s.end_ms - start_ms), s.text, s.words))
    return found


def read_form(request):
    """(text fields, the file, granularities)."""
    try:
        parts = multipart(request)
    except BadRequest as e:
        raise Refused(400, f"Could not parse multipart form: {e.message}") from None
    files = [part for part in parts if part.name == "file"]
    form = {part.name: part.data.decode("utf-8", "replace") for part in parts
            if part.name not in ("file", "timestamp_granularities[]")}
    granularities = [part.data.decode("utf-8", "replace") for part in parts
                     if part.name == "timestamp_granularities[]"]
    if not files or files[0].filename is None:
        raise Refused(400, "[{'type': 'missing', 'loc': ('body', 'file'), 'msg': 'Field required', 'input': None}]")
    if not form.get("model"):
        raise Refused(400, "you must provide a model parameter")
    return form, files[0], granularities


def check_model(model, shape):
    if model not in SPEECH_MODELS:
        raise Refused(404, f"The model `{model}` does not exist or you do not have access to it.", "model_not_found")
    if shape not in SPEECH_MODELS["whisper-1"]:
        raise Refused(400, f"Invalid value: '{shape}'. Supported values are: 'json', 'text', 'srt', 'verbose_json', "
                           "and 'vtt'.", "invalid_value", param="response_format")
    if shape not in SPEECH_MODELS[model]:
        raise Refused(400, f"response_format '{shape}' is not compatible with model '{model}'. Use 'json' or 'text' "
                           "instead.", "unsupported_value", param="response_format")


def transcription(segments, seconds, model, shape, granularities):
    text = " ".join(s.text for s in segments)
    usage = {"type": "duration", "seconds": math.ceil(seconds)}
    if shape == "text":
        return text_response(text + "\n")
    if shape == "srt":
        return text_response(captions.srt(segments))
    if shape == "vtt":
        return text_response(captions.vtt(segments))
    if shape == "json":
        if model != "whisper-1":
            usage = token_usage(seconds, text)
        return json_response({"text": text, "usage": usage})
    answer = {"task": "transcribe", "language": "english", "duration": round(seconds, 2), "text": text}
    if not granularities or "segment" in granularities:
        answer["segments"] = [verbose_segment(i, s) for i, s in enumerate(segments)]
    if "word" in granularities:
        answer["words"] = [{"word": re.sub(r"[^\w'-]", "", word), "start": round((s.start_ms + at) / 1000, 2),
                            "end": round((s.start_ms + at + WORD_MS) / 1000, 2)}
                           for s in segments for at, word in s.words]
    return json_response({**answer, "usage": usage})


def verbose_segment(number, s):
    return {"id": number, "seek": s.start_ms // 30000 * 3000, "start": s.start_ms / 1000, "end": s.end_ms / 1000,
            "text": " " + s.text, "tokens": [50364, *range(400, 400 + len(s.words)), 50364 + s.end_ms // 20],
            "temperature": 0.0, "avg_logprob": -0.21, "compression_ratio": 1.31, "no_speech_prob": 0.012}


def token_usage(seconds, text):
    audio, output = math.ceil(seconds * 10), tokens_of(text)
    return {"type": "tokens", "input_tokens": audio, "output_tokens": output, "total_tokens": audio + output,
            "input_token_details": {"text_tokens": 0, "audio_tokens": audio}}


# ---- embeddings ----

def embed(request):
    try:
        body = request.json_object()
    except BadRequest:
        raise Refused(400, "We could not parse the JSON body of your request.") from None
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise Refused(400, "you must provide a model parameter")
    if model not in EMBEDDING_MODELS:
        raise Refused(404, f"The model `{model}` does not exist or you do not have access to it.", "model_not_found")
    dimensions = read_dimensions(body, model)
    encoding = body.get("encoding_format", "float")
    if encoding not in ("float", "base64"):
        raise Refused(400, f"Invalid value: '{encoding}'. Supported values are: 'float' and 'base64'.",
                      "invalid_value", param="encoding_format")
    inputs = read_inputs(body.get("input"))
    used = check_tokens(inputs)
    request.note.update(inputs=len(inputs), tokens=used)
    data = [{"object": "embedding", "index": i, "embedding": encode(vector(text, dimensions), encoding)}
            for i, text in enumerate(inputs)]
    return json_response({"object": "list", "data": data, "model": model,
                          "usage": {"prompt_tokens": used, "total_tokens": used}})


def read_dimensions(body, model):
    value, most = body.get("dimensions"), EMBEDDING_MODELS[model]
    if value is None:
        return most
    if model == "text-embedding-ada-002":
        raise Refused(400, "This model does not support specifying dimensions.")
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise Refused(400, f"Invalid value for 'dimensions' = {value}. Must be between 1 and {most}.",
                      param="dimensions")
    return value


def read_inputs(value):
    """A text, texts, or either as token numbers, as a list of texts."""
    if isinstance(value, str) or (isinstance(value, list) and value and all(is_token(v) for v in value)):
        value = [value]
    if not isinstance(value, list) or not value:
        raise Refused(400, "'$.input' is invalid. Please check the API reference: "
                           "https://platform.openai.com/docs/api-reference.")
    if len(value) > MAX_INPUTS:
        raise Refused(400, f"Invalid 'input': array too long. Expected an array with maximum length {MAX_INPUTS}, but "
                           f"got an array with length {len(value)} instead.", "array_above_max_length", param="input")
    if any(item == "" or item == [] for item in value):
        raise Refused(400, "Invalid 'input': input cannot be an empty string.", param="input")
    tokens = [isinstance(item, list) and all(is_token(v) for v in item) for item in value]
    if not all(is_tokens or isinstance(item, str) for item, is_tokens in zip(value, tokens)):
        raise Refused(400, "'$.input' is invalid. Please check the API reference: "
                           "https://platform.openai.com/docs/api-reference.")
    return [" ".join(f"t{v:03}" for v in item) if is_tokens else item for item, is_tokens in zip(value, tokens)]


def is_token(value):
    return isinstance(value, int) and not isinstance(value, bool)


def check_tokens(inputs):
    """Tokens of all inputs; refuses what is over a limit."""
    counts = [tokens_of(text) for text in inputs]
    if max(counts) > MAX_INPUT_TOKENS:
        raise Refused(400, f"This model's maximum context length is {MAX_INPUT_TOKENS} tokens, however you requested "
                           f"{max(counts)} tokens ({max(counts)} in your prompt; 0 for the completion). Please reduce "
                           "your prompt; or completion length.")
    if sum(counts) > MAX_REQUEST_TOKENS:
        raise Refused(400, f"Requested {sum(counts)} tokens, max {MAX_REQUEST_TOKENS} tokens per request",
                      "max_tokens_per_request", "max_tokens_per_request")
    return sum(counts)


def tokens_of(text):
    return -(-len(text) // 4)


COMMON = frozenset("""a about after again all also an and any are as at be because been before being but by can could did
do does each for from had has have how i if in into is it its just like may more most much must no not of on once one
only or other our out over should so some such than that the their them then there these they this those through to
too under until up very was we what when where which while who why will with without would you your""".split())


def vector(text, dimensions):
    """Hashed words and word pairs, of length 1. Common words hardly count, repetition counts less and less."""
    counts = {}
    words = [stem(word) for word in re.findall(r"[^\W_]+", text.lower())]
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    for pair in zip(words, words[1:]):
        if pair[0] not in COMMON and pair[1] not in COMMON:
            counts[pair] = counts.get(pair, 0) + 1
    values = [0.0] * dimensions
    values[0] = 1e-6  # a text without words still has a direction
    for feature, count in counts.items():
        weight = math.sqrt(count) * (0.05 if feature in COMMON else 0.6 if isinstance(feature, tuple) else 1.0)
        for place, mark in places(feature, dimensions):
            values[place] += mark * weight
    length = math.sqrt(sum(v * v for v in values))
    return [v / length for v in values]


@lru_cache(maxsize=200_000)
def places(feature, dimensions):
    """Four coordinates of a feature, with their signs."""
    digest = hashlib.blake2b(repr(feature).encode("utf-8", "replace"), digest_size=16).digest()
    return tuple((number % dimensions, 1.0 if number >> 31 else -1.0) for number in struct.unpack("<4I", digest))


def stem(word):
    """Good enough that stars, star and starred meet."""
    for ending in ("ing", "ed", "es", "s", "ly"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            word = word[:-len(ending)]
            break
    return word[:-1] if len(word) > 4 and word[-1] == "e" else word


def encode(values, encoding):
    packed = struct.pack(f"<{len(values)}f", *values)
    if encoding == "base64":
        return base64.b64encode(packed).decode()
    return [float(f"{v:.9g}") for v in struct.unpack(f"<{len(values)}f", packed)]


# ---- models and errors ----

def models(name):
    known = [{"id": key, "object": "model", "created": 1705948997, "owned_by": "system"}
             for key in (*EMBEDDING_MODELS, *SPEECH_MODELS)]
    if name is None:
        return json_response({"object": "list", "data": known})
    for model in known:
        if model["id"] == name:
            return json_response(model)
    raise Refused(404, f"The model '{name}' does not exist", "model_not_found", param="model")


def error_response(e):
    return json_response({"error": {"message": e.message, "type": e.kind, "param": e.param, "code": e.code}}, e.status)
