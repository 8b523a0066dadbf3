"""wire.py: one HTTP request, one answer, and what every provider needs to read and write them.

Nothing here knows a provider. A provider gets a Request and gives back a Response; a request that cannot be
understood raises BadRequest, which the server turns into a 4xx in the provider's own error shape.
"""
import hashlib
import hmac
import json
import os
import time
import urllib.parse
from dataclasses import dataclass, field

# Signatures of one server process are of no use to another, like those of a real service after a key rotation.
SECRET = os.urandom(16)


class BadRequest(Exception):
    """The request is not of the form the provider takes. status is a 4xx."""

    def __init__(self, message, status=400):
        super().__init__(message)
        self.message = message
        self.status = status


@dataclass
class Request:
    method: str
    target: str  # path?query as sent
    headers: object  # email.message.Message: get() ignores case
    body: bytes = b""
    origin: str = ""  # http://127.0.0.1:4711
    provider: str = ""
    path: str = ""  # below the provider's prefix, still percent-encoded, begins with "/"
    prefix: str = ""
    note: dict = field(default_factory=dict)  # what a provider wants to see in the request log

    @property
    def base(self):
        """The provider's base URL as the client must have configured it."""
        return self.origin + self.prefix

    @property
    def query(self):
        """First value of each parameter."""
        parts = urllib.parse.urlsplit(self.target)
        pairs = urllib.parse.parse_qsl(parts.query, keep_blank_values=True)
        return {name: value for name, value in reversed(pairs)}

    @property
    def segments(self):
        """Decoded parts of the path; a part that is not UTF-8 is refused."""
        try:
            return [urllib.parse.unquote(part, errors="strict") for part in self.path.split("/")[1:]]
        except UnicodeDecodeError:
            raise BadRequest("the path is not UTF-8") from None

    @property
    def content_type(self):
        return self.headers.get("content-type", "").split(";")[0].strip().lower()

    def json(self):
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise BadRequest("the body is not valid JSON") from None

    def json_object(self):
        value = self.json()
        if not isinstance(value, dict):
            raise BadRequest("the body must be a JSON object")
        return value

    def bearer(self):
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""


@dataclass
class Response:
    status: int = 200
    body: bytes = b""
    headers: dict = field(default_factory=dict)
    close: bool = False  # end the connection after this answer


def json_response(value, status=200, headers=None, content_type="application/json; charset=utf-8"):
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return Response(status, body, {"Content-Type": content_type, **(headers or {})})


def text_response(text, status=200, content_type="text/plain; charset=utf-8", headers=None):
    body = text.encode() if isinstance(text, str) else text
    return Response(status, body, {"Content-Type": content_type, **(headers or {})})


def html_response(text, status=200):
    return text_response(text, status, "text/html; charset=utf-8")


def bytes_response(request, data, content_type, headers=None):
    """A file; honours one Range and If-Range (compared with the ETag in headers)."""
    headers = {"Content-Type": content_type, "Accept-Ranges": "bytes", **(headers or {})}
    wanted = request.headers.get("range", "")
    if_range = request.headers.get("if-range")
    if not wanted.startswith("bytes=") or "," in wanted or (if_range and if_range != headers.get("ETag")):
        return Response(200, data, headers)
    span = byte_span(wanted[len("bytes="):], len(data))
    if span is None:
        return Response(416, b"", {**headers, "Content-Range": f"bytes */{len(data)}"})
    first, last = span
    headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
    return Response(206, data[first:last + 1], headers)


def byte_span(text, size):
    """"a-b", "a-" or "-n" as (first, last) inside size; None when nothing of it exists."""
    first, dash, last = text.strip().partition("-")
    try:
        if not dash or size == 0:
            return None
        if not first:
            count = int(last)
            return (max(0, size - count), size - 1) if count > 0 else None
        start, end = int(first), min(int(last), size - 1) if last else size - 1
        return (start, end) if 0 <= start <= end else None
    except ValueError:
        return None


def sign(*parts):
    return hmac.new(SECRET, "\0".join(map(str, parts)).encode(), hashlib.sha256).hexdigest()


def is_signed(signature, *parts):
    return hmac.compare_digest(str(signature).encode(), sign(*parts).encode())


def now():
    return int(time.time())


def as_int(text, fallback=0):
    try:
        return int(text)
    except (TypeError, ValueError):
        return fallback


@dataclass
class Part:
    """One part of a multipart/form-data body."""
    name: str
    filename: str  # None when the part is not a file
    content_type: str
    data: bytes


def multipart(request):
    """The parts of a multipart/form-data body, in order."""
    boundary = header_parameters(request.headers.get("content-type", "")).get("boundary", "")
    if request.content_type != "multipart/form-data" or not 1 <= len(boundary) <= 70:
        raise BadRequest("expected multipart/form-data with a boundary")
    mark = b"--" + boundary.encode("latin-1", "replace")
    chunks = (b"\r\n" + request.body).split(b"\r\n" + mark)
    if len(chunks) < 2 or not chunks[-1].startswith(b"--"):
        raise BadRequest("the multipart body is incomplete")
    return [multipart_part(chunk) for chunk in chunks[1:-1]]


def multipart_part(chunk):
    head, blank, data = chunk.partition(b"\r\n\r\n")
    if not blank:
        raise BadRequest("a multipart part has no header")
    headers = {}
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    disposition = header_parameters(headers.get("content-disposition", ""))
    if "name" not in disposition:
        raise BadRequest("a multipart part has no name")
    return Part(disposition["name"], disposition.get("filename"), headers.get("content-type", ""), data)


def header_parameters(value):
    """`form-data; name="a;b"; filename=x` as a dict of its parameters."""
    parameters, rest = {}, value.partition(";")[2]
    while rest:
        name, equals, rest = rest.lstrip(" ;\t").partition("=")
        if not equals:
            break
        if rest.startswith('"'):
            text, rest = quoted(rest[1:])
        else:
            text, _, rest = rest.partition(";")
        parameters[name.strip().lower()] = text.strip()
    return parameters


def quoted(text):
    """A quoted string without its first quote, and what follows it."""
    out, i = [], 0
    while i < len(text) and text[i] != '"':
        if text[i] == "\\" and i + 1 < len(text) and text[i + 1] in '"\\':
            i += 1
        out.append(text[i])
        i += 1
    return "".join(out), text[i + 1:]
