"""collector.py: plays an OpenTelemetry collector that takes OTLP over HTTP in JSON, and is strict about its form.

In a test:        with Collector() as c: … c.url, c.spans, c.errors, c.requests; c.status = 503 makes it refuse.
As a program:     collector.py --port-file FILE takes everything without a look, for benchmarks."""

import argparse
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VALUES = {"stringValue": str, "intValue": str, "boolValue": bool, "doubleValue": float}
SPAN_MEMBERS = {"traceId", "spanId", "parentSpanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano", "attributes",
                "status"}


class Malformed(Exception):
    """What is wrong, and where."""


def expect(holds, what):
    if not holds:
        raise Malformed(what)


def members(value, allowed, where):
    expect(isinstance(value, dict), f"{where} is no object")
    expect(set(value) <= allowed, f"{where} has unknown members: {set(value) - allowed}")
    return value


def items(value, name, where):
    expect(isinstance(value.get(name), list), f"{where}.{name} is no array")
    return value[name]


def attributes(value, where):
    found = {}
    for a in items(value, "attributes", where):
        members(a, {"key", "value"}, f"{where}.attributes")
        expect(isinstance(a.get("key"), str) and a["key"], f"{where}: an attribute has no key")
        expect(a["key"] not in found, f"{where}: the attribute {a['key']} is there twice")
        (kind, v), = members(a.get("value"), set(VALUES), f"{where}.{a['key']}").items()
        expect(isinstance(v, VALUES[kind]), f"{where}.{a['key']}: {kind} is {v!r}")
        if kind == "intValue":
            expect(re.fullmatch(r"-?\d+", v), f"{where}.{a['key']}: intValue is {v!r}")
            v = int(v)
        found[a["key"]] = v
    return found


def is_id(value, digits):
    return isinstance(value, str) and re.fullmatch(f"[0-9a-f]{{{digits}}}", value) and set(value) != {"0"}


def read_span(span):
    members(span, SPAN_MEMBERS, "span")
    expect(is_id(span.get("traceId"), 32), f"traceId is {span.get('traceId')!r}")
    expect(is_id(span.get("spanId"), 16), f"spanId is {span.get('spanId')!r}")
    expect("parentSpanId" not in span or is_id(span["parentSpanId"], 16), f"parentSpanId is {span.get('parentSpanId')!r}")
    expect(isinstance(span.get("name"), str) and span["name"], "a span has no name")
    expect(span.get("kind") in range(1, 6) and not isinstance(span["kind"], bool), f"kind is {span.get('kind')!r}")
    for name in ("startTimeUnixNano", "endTimeUnixNano"):
        expect(isinstance(span.get(name), str) and re.fullmatch(r"[1-9]\d{18}", span[name]), f"{name} is {span.get(name)!r}")
    expect(int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"]), "a span ends before it begins")
    status = members(span.get("status", {}), {"code", "message"}, "status")
    expect(status.get("code", 0) in (0, 1, 2), f"status.code is {status.get('code')!r}")
    return {**span, "attributes": attributes(span, "span"), "failed": status.get("code") == 2}


def read_request(body):
    """The spans of an ExportTraceServiceRequest, with the attributes of their resource."""
    spans = []
    for group in items(members(body, {"resourceSpans"}, "request"), "resourceSpans", "request"):
        members(group, {"resource", "scopeSpans", "schemaUrl"}, "resourceSpans")
        resource = attributes(members(group.get("resource"), {"attributes"}, "resource"), "resource")
        for scope in items(group, "scopeSpans", "resourceSpans"):
            members(scope, {"scope", "spans", "schemaUrl"}, "scopeSpans")
            members(scope.get("scope"), {"name", "version"}, "scope")
            spans += [{**read_span(s), "resource": resource} for s in items(scope, "spans", "scopeSpans")]
    expect(spans, "a request without spans")
    return spans


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"]))
        status, answer = self.server.collector.take(self.path, dict(self.headers), text)
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        pass


class Collector:
    def __init__(self, looks=True):
        self.looks = looks
        self.status, self.rejects = 200, 0
        self.spans, self.errors, self.requests = [], [], []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.collector = self
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def take(self, path, headers, text):
        if not self.looks:
            return 200, {}
        self.requests.append({"path": path, "headers": {k.lower(): v for k, v in headers.items()}, "bytes": len(text)})
        if self.status != 200:
            return self.status, {"message": "not now"}
        try:
            expect(path == "/v1/traces", f"the path is {path}")
            expect(headers.get("Content-Type") == "application/json", f"the content type is {headers.get('Content-Type')}")
            self.spans += read_request(json.loads(text.decode("utf-8")))
        except (Malformed, ValueError) as e:
            self.errors.append(str(e))
            return 400, {"message": str(e)}
        return 200, {"partialSuccess": {"rejectedSpans": str(self.rejects)}} if self.rejects else {}

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port-file", required=True)
    args = parser.parse_args()
    c = Collector(looks=False)
    with open(args.port_file, "w", encoding="ascii") as f:
        f.write(str(c.port))
    c.server.serve_forever()


if __name__ == "__main__":
    main()
