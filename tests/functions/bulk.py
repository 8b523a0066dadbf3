"""What the tests of operations on many videos ask: operations, their rows, what is left of videos."""

import json
import urllib.error
import urllib.request
import uuid

EVENTS = {"delete": "videos/bulk.delete", "export": "videos/bulk.export", "reprocess": "videos/bulk.reprocess"}
FUNCTIONS = {"delete": "bulk-delete-videos", "export": "bulk-export-videos", "reprocess": "bulk-reprocess-videos"}


def make_videos(chronos, creator, count, **columns):
    """Ids of new videos, in the order of their titles."""
    values = {"title": "A video", "transcript": None, "storage_path": None, **columns}
    return [str(r["id"]) for r in chronos.rows("""
        insert into public.videos (creator_id, title, source_type, youtube_video_id, transcript, storage_path, status)
        select %s, %s || ' ' || n, 'youtube', 'bulk0000001', %s, %s || '-' || n, 'completed'
        from generate_series(1, %s) n returning id""", creator, values["title"], values["transcript"],
        values["storage_path"], count)]


def make_operation(chronos, kind, creator, ids, **columns):
    """As the application's route does. The operation's id."""
    valid = [i for i in ids if is_uuid(i)]
    operation = str(uuid.uuid4())
    chronos.insert("public.bulk_operations", {
        "id": operation, "creator_id": creator, "operation_type": kind,
        "video_ids": "{" + ",".join(valid) + "}", "progress_total": len(ids), **columns})
    return operation


def is_uuid(value):
    try:
        return isinstance(value, str) and len(value) == 36 and bool(uuid.UUID(value))
    except ValueError:
        return False


def send(chronos, kind, operation, creator, ids=None):
    data = {"operationId": operation, "creatorId": creator}
    if ids is not None:
        data["videoIds"] = ids
    return chronos.send_event(EVENTS[kind], data)


def start(chronos, kind, creator, ids, **columns):
    """(operation, entry)"""
    operation = make_operation(chronos, kind, creator, ids, **columns)
    return operation, send(chronos, kind, operation, creator, ids)


def row(chronos, operation):
    return chronos.row("select * from public.bulk_operations where id = %s", operation)


def wait_ended(chronos, operation, deadline=60):
    chronos.wait_until(lambda: row(chronos, operation)["status"] in ("completed", "partial", "failed"), deadline,
                       f"the operation {operation} to end", seen=lambda: row(chronos, operation), interval=0.05)
    return row(chronos, operation)


def run(chronos, kind, creator, ids, deadline=60, **columns):
    """The row after all."""
    operation, _ = start(chronos, kind, creator, ids, **columns)
    return wait_ended(chronos, operation, deadline)


def left(chronos, ids):
    """Those of the videos that still have a row."""
    return {str(r["id"]) for r in chronos.rows("select id from public.videos where id = any(%s::uuid[])", ids)}


def put_file(chronos, bucket, path, content=b"file", content_type="video/mp4"):
    request = urllib.request.Request(f"{chronos.stack.sandbox_url}/storage/v1/object/{bucket}/{path}", content, {
        "Authorization": "Bearer sandbox-service-role-key", "Content-Type": content_type, "x-upsert": "true"})
    opener().open(request, timeout=20).close()
    return path


def get_file(chronos, bucket, path):
    """Its bytes, None when there is none."""
    request = urllib.request.Request(f"{chronos.stack.sandbox_url}/storage/v1/object/{bucket}/{path}", None, {
        "Authorization": "Bearer sandbox-service-role-key"})
    try:
        with opener().open(request, timeout=20) as answer:
            return answer.read()
    except urllib.error.HTTPError:
        return None


def download(url):
    with opener().open(url, timeout=20) as answer:
        return answer.read()


def opener():
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


def doomed(chronos):
    return chronos.value("select count(*) from chronos.deleted_files")


def plain(value):
    return json.loads(json.dumps(value, default=str))
