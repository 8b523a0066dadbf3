"""storage.py: Supabase Storage, with the statuses that lie: nearly every failure is HTTP 400 and the true status is
the string statusCode in the body.

    GET|HEAD /storage/v1/object/[authenticated/]{bucket}/{path}    Range and If-Range honoured
    POST|PUT /storage/v1/object/{bucket}/{path}                    upload (x-upsert), replace
    GET      /storage/v1/object/info/{bucket}/{path}
    GET      /storage/v1/object/public/{bucket}/{path}
    POST     /storage/v1/object/sign/{bucket}[/{path}]             and GET of what it gives
    POST     /storage/v1/object/upload/sign/{bucket}/{path}        and PUT of what it gives
    POST     /storage/v1/object/list/{bucket}
    DELETE   /storage/v1/object/{bucket}[/{path}]

Objects are kept in memory. A path that was never uploaded still exists when it is one of library/upload.json, or when
its file name is a lesson's slug: {anything}/{anything}/{slug}.mp4 is that lesson's recording.
"""
import base64
import hashlib
import json
import re
import threading
import urllib.parse
import uuid
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import formatdate

import recording
from wire import BadRequest, Response, as_int, bytes_response, is_signed, json_response, multipart, now, sign

KEY = re.compile(r"[A-Za-z0-9_/!\-.*'() &$@=;:+,?]+")
BUCKET = re.compile(r"[A-Za-z0-9_!\-.*'() &$@=;:+,?]{1,100}")
DEFAULT_ERRORS = {  # status: (error, message, code)
    400: ("invalid_request", "Invalid request", "InvalidRequest"),
    404: ("not_found", "Object not found", "NoSuchKey"),
    403: ("Unauthorized", "new row violates row-level security policy", "AccessDenied"),
    409: ("Duplicate", "The resource already exists", "ResourceAlreadyExists"),
    413: ("Payload too large", "The object exceeded the maximum allowed size", "EntityTooLarge"),
    423: ("resource_locked", "The resource is locked", "ResourceLocked"),
    429: ("too_many_connections", "Too many connections issued to the database", "SlowDown"),
    500: ("internal", "Internal server error", "InternalError"),
    544: ("DatabaseTimeout", "The connection to the database timed out", "DatabaseTimeout"),
}
HONEST = (429, 500, 544)  # statuses the server does send as they are


@dataclass
class Stored:
    data: bytes
    content_type: str
    cache_control: str
    created: float
    id: str
    metadata: dict

    @property
    def etag(self):
        return f'"{hashlib.md5(self.data).hexdigest()}"'


class Refused(Exception):
    def __init__(self, status, error, message, code):
        super().__init__(message)
        self.status, self.error, self.message, self.code = status, error, message, code


class Storage:
    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.max_body = sandbox.settings.max_object_bytes
        self.buckets = sandbox.library.buckets
        self.lock = threading.Lock()
        self.objects = {}  # (bucket, path) -> Stored, or None for a sample that was deleted

    def handle(self, request):
        try:
            return self.route(request)
        except Refused as e:
            return self.refusal(request, e)

    def refusal(self, request, e):
        status = e.status if e.status in HONEST else 400
        if request.method == "HEAD":
            return Response(status, b"", {"Content-Type": "application/json; charset=utf-8"})
        return json_response({"statusCode": str(e.status), "error": e.error, "message": e.message, "code": e.code},
                             status)

    def error(self, status, message=""):
        """A fault's status goes out as it is; what the server refuses for its size lies as usual."""
        error, text, code = DEFAULT_ERRORS.get(status, ("internal", f"HTTP {status}", "InternalError"))
        body = {"statusCode": str(status), "error": error, "message": message or text, "code": code}
        if status == 413:
            return json_response({**body, "message": text}, 400)
        if status in (502, 503, 504) or 520 <= status <= 525:
            return Response(status, b"<html><body><h1>Bad gateway</h1></body></html>",
                            {"Content-Type": "text/html; charset=utf-8"})
        return json_response(body, status)

    def route(self, request):
        parts = request.segments
        if parts[0] == "bucket" and request.method == "GET":
            self.check_key(request)
            return json_response([self.bucket_entry(name) for name in self.buckets])
        if parts[0] != "object" or len(parts) < 2:
            raise Refused(404, "not_found", "Route not found", "NotFound")
        kind, rest = parts[1], parts[2:]
        if kind == "upload" and rest[:1] == ["sign"]:
            return self.upload_sign(request, *self.place(rest[1:]))
        if kind == "sign":
            return self.sign(request, rest)
        if kind == "list" and request.method == "POST":
            return self.list(request, *self.place(rest, needs_path=False))
        if kind == "info" and request.method in ("GET", "HEAD"):
            return self.info(request, *self.place(rest))
        if kind == "public" and request.method in ("GET", "HEAD"):
            return self.public(request, *self.place(rest))
        if kind == "authenticated":
            parts = parts[:1] + rest
        return self.plain(request, *self.place(parts[1:], needs_path=request.method != "DELETE"))

    def place(self, parts, needs_path=True):
        """(bucket, path) of decoded segments, checked."""
        bucket, path = parts[0] if parts else "", "/".join(parts[1:])
        if not BUCKET.fullmatch(bucket) or bucket not in self.buckets:
            raise Refused(404, "Bucket not found", "Bucket not found", "NoSuchBucket")
        if needs_path and not path:
            raise Refused(400, "MissingParameter", "Missing Required Parameter key", "MissingParameter")
        if path and not is_key(path):
            raise Refused(400, "InvalidKey", f"Invalid key: {path}", "InvalidKey")
        return bucket, path

    def check_key(self, request):
        token = request.bearer()
        if self.sandbox.settings.require_key and not token:
            raise Refused(400, "Error", "headers must have required property 'authorization'", "InvalidRequest")
        if not self.sandbox.is_key(token):
            raise Refused(403, "Unauthorized", "Invalid Compact JWS", "AccessDenied")

    def bucket_entry(self, name):
        bucket = self.buckets[name]
        return {"id": name, "name": name, "owner": "", "public": bucket["public"],
                "file_size_limit": bucket.get("file_size_limit"),
                "allowed_mime_types": bucket.get("allowed_mime_types")}

    # ---- one object ----

    def plain(self, request, bucket, path):
        self.check_key(request)
        if request.method in ("GET", "HEAD"):
            return self.download(request, bucket, path)
        if request.method in ("POST", "PUT"):
            return self.upload(request, bucket, path)
        if request.method == "DELETE" and path:
            return self.delete_one(bucket, path)
        if request.method == "DELETE":
            return self.delete_many(request, bucket)
        raise Refused(404, "not_found", "Route not found", "NotFound")

    def find(self, bucket, path):
        """The stored object; recordings of the library are made on first use."""
        with self.lock:
            if (bucket, path) in self.objects:
                found = self.objects[bucket, path]
                if found is None:
                    raise Refused(404, "not_found", "Object not found", "NoSuchKey")
                return found
        name, extension = self.recording_of(bucket, path)
        if name is None:
            raise Refused(404, "not_found", "Object not found", "NoSuchKey")
        data, content_type = self.sandbox.media.file(name, extension)
        with self.lock:
            return self.objects.setdefault((bucket, path), self.stored(data, content_type))

    def recording_of(self, bucket, path):
        """(recording, extension) behind a path nobody uploaded; (None, "") when there is none."""
        stem, _, extension = path.rpartition("/")[2].rpartition(".")
        video = self.sandbox.library.find("upload", path)
        if bucket != "videos" or extension not in recording.CONTENT_TYPES:
            return None, ""
        if video is not None:
            return video.options.get("recording") or video.lesson, extension
        if path.count("/") == 2 and self.sandbox.media.knows(stem):
            return stem, extension
        return None, ""

    def stored(self, data, content_type, cache_control="max-age=3600", metadata=None):
        return Stored(data, content_type, cache_control, float(now()), str(uuid.uuid4()), metadata or {})

    def download(self, request, bucket, path):
        found = self.find(bucket, path)
        headers = {"ETag": found.etag, "Last-Modified": formatdate(found.created, usegmt=True),
                   "Cache-Control": found.cache_control}
        name = request.query.get("download")
        if name is not None:
            headers["Content-Disposition"] = "attachment" + (
                f"; filename*=UTF-8''{urllib.parse.quote(name)}" if name else "")
        response = bytes_response(request, found.data, found.content_type, headers)
        if response.status == 416:
            raise Refused(400, "InvalidRange", "The requested range is not satisfiable", "InvalidRange")
        return response

    def upload(self, request, bucket, path, upsert=None):
        data, content_type, cache_control = uploaded(request)
        allowed = self.buckets[bucket].get("allowed_mime_types")
        limit = self.buckets[bucket].get("file_size_limit") or self.max_body
        if allowed and content_type not in allowed:
            raise Refused(415, "invalid_mime_type", f"mime type {content_type} is not supported", "InvalidMimeType")
        if len(data) > limit:
            raise Refused(413, "Payload too large", "The object exceeded the maximum allowed size", "EntityTooLarge")
        if upsert is None:
            upsert = request.method == "PUT" or request.headers.get("x-upsert", "").lower() == "true"
        new = self.stored(data, content_type, cache_control, read_metadata(request))
        with self.lock:
            if self.objects.get((bucket, path)) and not upsert:
                raise Refused(409, "Duplicate", "The resource already exists", "ResourceAlreadyExists")
            self.objects[bucket, path] = new
        return json_response({"Id": new.id, "Key": f"{bucket}/{path}"})

    def info(self, request, bucket, path):
        self.check_key(request)
        found = self.find(bucket, path)
        return json_response({"id": found.id, "name": path, "version": found.id, "bucket_id": bucket,
                              "size": len(found.data), "content_type": found.content_type,
                              "cache_control": found.cache_control, "etag": found.etag,
                              "metadata": found.metadata, "created_at": iso(found.created),
                              "last_modified": iso(found.created)})

    def public(self, request, bucket, path):
        if not self.buckets[bucket]["public"]:
            raise Refused(404, "Bucket not found", "Bucket not found", "NoSuchBucket")
        return self.download(request, bucket, path)

    def delete_one(self, bucket, path):
        self.find(bucket, path)
        self.remove(bucket, path)
        return json_response({"message": "Successfully deleted"})

    def remove(self, bucket, path):
        with self.lock:
            self.objects[bucket, path] = None  # remembered, so that a deleted sample does not come back

    # ---- many ----

    def delete_many(self, request, bucket):
        names = request.json_object().get("prefixes")
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise Refused(400, "Error", "body must have required property 'prefixes'", "InvalidRequest")
        if len(names) > 1000:
            raise Refused(400, "Error", "body/prefixes must NOT have more than 1000 items", "InvalidRequest")
        gone = []
        for name in names:
            try:
                found = self.find(bucket, name)
            except Refused:
                continue
            gone.append({"name": name, "bucket_id": bucket, "owner": "", "id": found.id,
                         "updated_at": iso(found.created), "created_at": iso(found.created),
                         "last_accessed_at": iso(found.created), "metadata": object_metadata(found)})
            self.remove(bucket, name)
        return json_response(gone)

    def list(self, request, bucket, _):
        self.check_key(request)
        body = request.json_object()
        prefix, search = body.get("prefix") or "", body.get("search") or ""
        if not isinstance(prefix, str) or not isinstance(search, str):
            raise Refused(400, "Error", "body/prefix must be string", "InvalidRequest")
        folder = prefix if not prefix or prefix.endswith("/") else prefix + "/"
        entries = {}
        for name, found in self.names_in(bucket, folder):
            if name.startswith(folder):
                child, slash, _ = name[len(folder):].partition("/")
                if search.lower() in child.lower():
                    entries.setdefault(child, list_entry(child, None if slash else found))
        sort = body.get("sortBy") if isinstance(body.get("sortBy"), dict) else {}
        rows = sorted(entries.values(), key=lambda e: e["name"], reverse=sort.get("order") == "desc")
        first, count = max(0, as_int(body.get("offset"))), as_int(body.get("limit"), 100)
        return json_response(rows[first:first + max(0, count)])

    def names_in(self, bucket, folder):
        """(path, object) of everything there is; samples of the library in this folder are made for it."""
        with self.lock:
            known = {path: found for (b, path), found in self.objects.items() if b == bucket}
        for video in self.sandbox.library.of("upload") if bucket == "videos" else ():
            if video.id not in known and folder and video.id.startswith(folder):
                known[video.id] = self.find(bucket, video.id)
        return [(path, found) for path, found in known.items() if found]

    # ---- signed URLs ----

    def sign(self, request, rest):
        if request.method in ("GET", "HEAD"):
            bucket, path = self.place(rest)
            check_token(request, "download", bucket, path)
            return self.download(request, bucket, path)
        if request.method != "POST":
            raise Refused(404, "not_found", "Route not found", "NotFound")
        self.check_key(request)
        body = request.json_object()
        seconds = body.get("expiresIn")
        if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < 1:
            raise Refused(400, "Error", "body/expiresIn must be >= 1", "InvalidRequest")
        if len(rest) > 1:
            bucket, path = self.place(rest)
            self.find(bucket, path)
            return json_response({"signedURL": signed_url("sign", "download", bucket, path, seconds)})
        return self.sign_many(*self.place(rest, needs_path=False), body.get("paths"), seconds)

    def sign_many(self, bucket, _, paths, seconds):
        if not isinstance(paths, list) or not paths or not all(isinstance(path, str) for path in paths):
            raise Refused(400, "Error", "body must have required property 'paths'", "InvalidRequest")
        rows = []
        for path in paths:
            try:
                self.find(bucket, path)
                url, error = signed_url("sign", "download", bucket, path, seconds), None
            except Refused:
                url, error = None, "Either the object does not exist or you do not have access to it"
            rows.append({"path": path, "signedURL": url, "error": error})
        return json_response(rows)

    def upload_sign(self, request, bucket, path):
        if request.method == "PUT":
            check_token(request, "upload", bucket, path)
            return self.upload(request, bucket, path, upsert=False)
        self.check_key(request)
        url = signed_url("upload/sign", "upload", bucket, path, 7200)
        return json_response({"url": url, "token": url.partition("token=")[2]})


def is_key(path):
    return bool(KEY.fullmatch(path)) and all(part not in ("", ".", "..") for part in path.split("/"))


def uploaded(request):
    """(bytes, content type, cache control) of a raw or multipart upload."""
    if request.content_type != "multipart/form-data":
        kind = request.content_type or "application/octet-stream"
        return request.body, kind, request.headers.get("cache-control", "no-cache")
    parts = multipart(request)
    files = [part for part in parts if part.filename is not None or part.name in ("", "file")]
    if not files:
        raise BadRequest("the form has no file")
    age = next((part.data.decode("ascii", "replace") for part in parts if part.name == "cacheControl"), "3600")
    return files[0].data, files[0].content_type or "application/octet-stream", f"max-age={age}"


def read_metadata(request):
    try:
        value = json.loads(base64.b64decode(request.headers.get("x-metadata", "") or "e30="))
    except ValueError:
        raise Refused(400, "invalid_request", "Invalid x-metadata header", "InvalidRequest") from None
    return value if isinstance(value, dict) else {}


def signed_url(route, purpose, bucket, path, seconds):
    """Relative to the storage base. The token has a JWT's form; only its signature is our own."""
    expires = now() + seconds
    header = b64(b'{"alg":"HS256"}')
    payload = b64(json.dumps({"url": f"{bucket}/{path}", "iat": now(), "exp": expires}).encode())
    token = f"{header}.{payload}.{sign('storage', purpose, bucket, path, expires)}"
    return f"/object/{route}/{bucket}/{urllib.parse.quote(path)}?token={token}"


def check_token(request, purpose, bucket, path):
    token = request.query.get("token", "")
    if not token:
        raise Refused(400, "Error", "querystring must have required property 'token'", "InvalidRequest")
    _, _, rest = token.partition(".")
    payload, _, signature = rest.partition(".")
    try:
        claims = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode()
    except ValueError:
        raise Refused(400, "InvalidJWT", "Invalid Compact JWS", "InvalidJWT") from None
    expires = re.search(r'"exp": (\d+)', claims)
    if not expires or not is_signed(signature, "storage", purpose, bucket, path, expires[1]):
        raise Refused(400, "InvalidSignature", "Invalid signature", "InvalidSignature")
    if int(expires[1]) < now():
        raise Refused(400, "InvalidJWT", '"exp" claim timestamp check failed', "InvalidJWT")


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def object_metadata(found):
    return {"eTag": found.etag, "size": len(found.data), "mimetype": found.content_type,
            "cacheControl": found.cache_control, "lastModified": iso(found.created),
            "contentLength": len(found.data), "httpStatusCode": 200}


def list_entry(name, found):
    if found is None:
        return {"name": name, "id": None, "updated_at": None, "created_at": None, "last_accessed_at": None,
                "metadata": None}
    at = iso(found.created)
    return {"name": name, "id": found.id, "updated_at": at, "created_at": at, "last_accessed_at": at,
            "metadata": object_metadata(found)}


def iso(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
