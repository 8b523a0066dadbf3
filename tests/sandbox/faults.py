"""faults.py: what goes wrong on demand, and the log of what was asked.

A fault is a rule: which requests it concerns, how often, and what happens to them. The first rule that matches and
is not used up acts; rules are tried in the order they were made. The control API itself is never disturbed.
"""
import itertools
import json
import re
import threading
import time
from collections import deque

from wire import BadRequest, Response, json_response

KINDS = ("status", "delay", "reset", "truncate", "garbage", "empty", "slow")
GARBAGE = bytes(range(256)) * 2

LOGGED_HEADERS = ("accept", "accept-language", "apollographql-client-name", "authorization", "apikey", "cache-control",
                  "content-length", "content-type", "cookie", "if-range", "origin", "range", "referer",
                  "traceparent", "transfer-encoding", "user-agent", "x-goog-visitor-id", "x-loom-request-source", "x-upsert",
                  "x-youtube-client-name", "x-youtube-client-version")
SECRET_HEADERS = ("authorization", "apikey", "cookie")
SECRET_QUERY = re.compile(r"(?i)\b(token|signature|key|policy|key-pair-id)=[^&]*")
LOG_ENTRIES = 50_000
LOG_BYTES = 64 << 20  # of request bodies kept


class Fault:
    def __init__(self, number, spec):
        self.id = number
        self.kind = spec.get("kind", "delay" if "delay_ms" in spec and "status" not in spec else "status")
        self.match = text_field(spec, "match", "")
        self.method = text_field(spec, "method", "").upper()
        self.contains = text_field(spec, "contains", "")
        self.about = spec.get("about", [])
        self.times = int_field(spec, "times", None)
        self.skip = int_field(spec, "skip", 0)
        self.status = int_field(spec, "status", 503)
        self.body = spec.get("body")
        self.headers = {} if spec.get("headers") is None else spec["headers"]
        self.delay_ms = int_field(spec, "delay_ms", 5000 if self.kind == "slow" else 0)
        self.late = bool(spec.get("late", False))
        self.hits = 0
        self.check()

    def check(self):
        if self.kind not in KINDS:
            raise BadRequest(f"kind must be one of {', '.join(KINDS)}")
        if not 200 <= self.status <= 599:
            raise BadRequest("status must be 200 to 599")
        if not isinstance(self.about, list) or not all(isinstance(name, str) for name in self.about):
            raise BadRequest("about must be a list of strings")
        if not isinstance(self.headers, dict):
            raise BadRequest("headers must be an object")
        if any("\n" in f"{n}{v}" or "\r" in f"{n}{v}" for n, v in self.headers.items()):
            raise BadRequest("a header must be one line")
        word, blank, rest = self.match.partition(" ")
        if blank and word.isupper() and word.isalpha():
            self.method, self.match = word, rest
        try:
            self.pattern = re.compile(self.match)
        except re.error:
            self.pattern = None  # then it is meant as plain text

    def concerns(self, request):
        if self.method and self.method != request.method:
            return False
        if self.contains and self.contains.encode() not in request.body:
            return False
        if self.about and not any(n in request.target or n.encode() in request.body for n in self.about):
            return False
        if self.match in request.target:
            return True
        return bool(self.pattern and self.pattern.search(request.target))

    def describe(self):
        return {"id": self.id, "kind": self.kind, "match": self.match, "method": self.method or None,
                "contains": self.contains or None, "about": self.about or None,
                "times": self.times, "skip": self.skip, "status": self.status,
                "delay_ms": self.delay_ms, "late": self.late, "hits": self.hits}

    def replaces_answer(self):
        """Whether the client is kept from the provider's own answer altogether."""
        return self.kind in ("status", "reset")

    def answer(self, provider_error):
        """The answer of kind status. provider_error(status) gives the provider's usual one for that status."""
        if self.body is None:
            response = provider_error(self.status)
        elif isinstance(self.body, str):
            response = Response(self.status, self.body.encode(), {"Content-Type": "text/html; charset=utf-8"})
        else:
            response = json_response(self.body, self.status)
        response.status = self.status
        return with_headers(response, self.headers)

    def spoil(self, response):
        """Garbage and empty: the provider's answer with another body."""
        if self.kind == "empty":
            response = Response(200, b"", {"Content-Type": response.headers.get("Content-Type", "text/html")})
        elif self.kind == "garbage":
            body = self.body.encode() if isinstance(self.body, str) else GARBAGE
            response = Response(200, body, {"Content-Type": response.headers.get("Content-Type", "text/html")})
        return with_headers(response, self.headers)


def with_headers(response, headers):
    """A header given by the rule takes the place of the provider's own, whatever its case."""
    given = {name.lower() for name in headers}
    kept = {name: value for name, value in response.headers.items() if name.lower() not in given}
    response.headers = {**kept, **{name: str(value) for name, value in headers.items()}}
    return response


def text_field(spec, name, fallback):
    value = spec.get(name)
    if value is None:
        return fallback
    if not isinstance(value, str):
        raise BadRequest(f"{name} must be a string")
    return value


def int_field(spec, name, fallback):
    value = spec.get(name)
    if value is None:
        return fallback
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 10**9:
        raise BadRequest(f"{name} must be a number from 0")
    return value


class Faults:
    def __init__(self):
        self.lock = threading.Lock()
        self.rules = []
        self.numbers = itertools.count(1)

    def add(self, spec):
        fault = Fault(next(self.numbers), spec)
        with self.lock:
            self.rules.append(fault)
        return fault

    def take(self, request):
        """The fault that concerns this request, counted; None when there is none."""
        with self.lock:
            for fault in self.rules:
                if fault.times == 0 or not fault.concerns(request):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                if fault.times is not None:
                    fault.times -= 1
                fault.hits += 1
                return fault
        return None

    def list(self):
        with self.lock:
            return [fault.describe() for fault in self.rules]

    def clear(self, number=None):
        """Removes all rules, or the one with this number; gives how many went."""
        with self.lock:
            kept = [] if number is None else [fault for fault in self.rules if fault.id != number]
            gone = len(self.rules) - len(kept)
            self.rules = kept
            return gone


class RequestLog:
    """The last requests, oldest first. An entry is there before its answer is sent."""

    def __init__(self):
        self.lock = threading.Lock()
        self.numbers = itertools.count(1)
        self.clear()

    def clear(self):
        with self.lock:
            self.entries = deque()
            self.body_bytes = 0
            self.dropped = 0
            self.running = getattr(self, "running", {})

    def begin(self, request):
        path, _, query = request.target.partition("?")
        entry = {
            "id": next(self.numbers),
            "time": round(time.time(), 3),
            "method": request.method,
            "path": path,
            "query": SECRET_QUERY.sub(r"\1=***", query),
            "provider": request.provider,
            "headers": logged_headers(request.headers),
            "body_bytes": len(request.body),
            "json": json_or_none(request),
            "note": request.note,
            "status": None,
            "fault": None,
        }
        with self.lock:
            running = self.running.get(request.provider, 0) + 1
            self.running[request.provider] = running
            entry["in_flight"] = running  # requests to this provider under way, this one included
            self.entries.append((entry, len(request.body)))
            self.body_bytes += len(request.body)
            while len(self.entries) > LOG_ENTRIES or (self.body_bytes > LOG_BYTES and len(self.entries) > 1):
                self.body_bytes -= self.entries.popleft()[1]
                self.dropped += 1
        return entry

    def end(self, entry, status):
        """Called once per entry, before the answer leaves. status 0: the client gets none."""
        with self.lock:
            entry["status"] = status
            self.running[entry["provider"]] -= 1

    def list(self, wanted):
        """wanted: provider, method, path (substring), since (id), any of them missing."""
        with self.lock:
            entries = [entry for entry, _ in self.entries]
            dropped = self.dropped
        found = [e for e in entries
                 if wanted.get("provider", e["provider"]) == e["provider"]
                 and wanted.get("method", e["method"]).upper() == e["method"]
                 and wanted.get("path", "") in e["path"]
                 and e["id"] > int(wanted.get("since", "0") or 0)]
        answer = {"count": len(found), "dropped": dropped}
        if wanted.get("summary"):
            return {**answer, "calls": count_calls(found)}
        return {**answer, "requests": found}


def count_calls(entries):
    calls = {}
    for entry in entries:
        name = f"{entry['provider']} {entry['method']} {entry['status']}"
        calls[name] = calls.get(name, 0) + 1
    return calls


def logged_headers(headers):
    return {name: mask(headers[name]) if name in SECRET_HEADERS else headers[name]
            for name in LOGGED_HEADERS if name in headers}


def mask(secret):
    """Enough to tell two keys apart, not enough to use one."""
    scheme, blank, value = secret.rpartition(" ")
    return f"{scheme}{blank}***{value[-4:] if len(value) >= 16 else ''}"


def json_or_none(request):
    if request.content_type != "application/json":
        return None
    try:
        return json.loads(request.body)
    except (ValueError, RecursionError):
        return None
