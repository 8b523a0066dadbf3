"""`make demo`: four videos of four kinds go through a real stack before the reader's eyes, and then a question is
asked that only their spoken words can answer."""

import json
import os
import re
import shlex
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

from . import screen, seed
from .screen import heading, paint, say
from .waiting import StackError, log_tails

DEADLINE = 180.0
STATUSES = ("pending", "transcribing", "processing", "embedding", "completed")
SOURCES = ("youtube", "loom", "mux", "upload")

# What the real services ask: a minute of speech, and a million tokens of embeddings.
WHISPER_USD_PER_MINUTE = 0.006
EMBED_USD_PER_MILLION_TOKENS = 0.02

# Not one that a reader takes for `make seed`: ids follow from it, so another call with the same one adds to these creators.
SEED = 20260105


def tell(stack, worker):
    """The whole story on a stack that is up."""
    creator = make_creator(stack)
    entries = [stack.sandbox.video(source) for source in SOURCES]
    videos = [make_video(stack, creator, entry) for entry in entries]
    heading(f"One creator, {len(videos)} videos")
    for v in videos:
        say(f"  {v['source']:<8} {v['title']}")
    heading("Ask for their transcripts: one event per video")
    begin = time.monotonic()
    for i, v in enumerate(videos):
        send(stack, creator, v, snake_case=i == 1)
    heading("Two workers take them through transcript, chunks and embeddings")
    watch(stack, videos, begin)
    wait_archived(stack, videos)
    heading("What happened, step by step (chronos.runs, chronos.run_steps)")
    for v in videos:
        show_video(stack, v)
    show_answers(stack, worker, pick_question(entries), videos)
    show_analytics(stack)
    show_export(stack)
    show_cost(stack)
    if not is_brief():
        show_next(stack, creator, videos)


# ---- the cast ----
def pick_question(entries):
    """One that is answered in one of the videos."""
    return next((e["question"] for e in entries if e.get("question")), entries[0]["title"])


def make_creator(stack):
    creator = str(uuid.uuid4())
    stack.postgres.sql(
        """insert into public.creators (id, whop_company_id, whop_user_id, email, name)
           values (:id, 'biz_' || :id, 'user_' || :id, 'demo@example.com', 'Demo creator')""", id=creator)
    return creator


def make_video(stack, creator, entry):
    video = {"id": str(uuid.uuid4()), "source": entry["source"], "title": entry["title"]}
    stack.postgres.sql(
        """insert into public.videos (id, creator_id, title, source_type, youtube_video_id, embed_type, embed_id,
                                      mux_playback_id, mux_asset_id, storage_path)
           values (:id, :creator, :title, :source, :youtube, :embed_type, :embed, :playback, :asset, :path)""",
        id=video["id"], creator=creator, title=entry["title"], source=entry["source"],
        youtube=entry.get("youtube_video_id"), embed_type="loom" if entry["source"] == "loom" else None,
        embed=entry.get("embed_id"), playback=entry.get("mux_playback_id"), asset=entry.get("mux_asset_id"),
        path=entry.get("storage_path"))
    return video


def send(stack, creator, video, snake_case=False):
    """Through the public door, with the command anybody would type."""
    keys = ("video_id", "creator_id", "source_type") if snake_case else ("videoId", "creatorId", "source")
    data = json.dumps(dict(zip(keys, (video["id"], creator, video["source"]))), separators=(",", ":"))
    fields = ["XADD", "chronos:events", "*", "name", "video/transcript.extract", "data", data]
    say("  " + paint("$", "dim") + " " + shlex.join(stack.redis.cli_command(*fields)))
    note = "   (snake_case keys are understood, too)" if snake_case else ""
    say("  " + paint(stack.redis.cli(*fields) + note, "dim"))


# ---- progress ----
def bar(status):
    if status == "failed":
        return paint("failed", "red")
    at = STATUSES.index(status) if status in STATUSES else 0
    words = []
    for i, name in enumerate(STATUSES):
        done = i < at or status == "completed"
        words.append(paint(name, "green" if done else "cyan" if i == at else "dim"))
    return paint(" → ", "dim").join(words)


def watch(stack, videos, begin):
    """Draws the statuses until all are completed, with the seconds since the first event."""
    panel = screen.Panel()
    while True:
        now = {r["id"]: r for r in stack.postgres.rows(
            "select id, status, error_message from public.videos where id = any(:ids::uuid[])",
            ids="{" + ",".join(v["id"] for v in videos) + "}")}
        for v in videos:
            row = now[v["id"]]
            if row["status"] != v.get("status") or "seconds" not in v:
                v["seconds"] = time.monotonic() - begin
            v["status"], v["error"] = row["status"], row["error_message"]
        panel.show([f"  {v['source']:<8} {bar(v['status'])}  {v['seconds']:5.1f} s" for v in videos],
                   [f"  {v['source']:<8} {v['status']:<12} {v['seconds']:5.1f} s" for v in videos])
        if all(v["status"] == "completed" for v in videos):
            return
        if any(v["status"] == "failed" for v in videos):
            raise StackError(diagnosis(stack, videos, "a video failed"))
        dead = [p.name for p in stack.processes() if not p.is_running()]
        if dead:
            raise StackError(diagnosis(stack, videos, f"{', '.join(dead)} ended"))
        if time.monotonic() - begin > DEADLINE:
            raise StackError(diagnosis(stack, videos, f"not all videos were completed in {DEADLINE:g} s"))
        time.sleep(0.1)


def diagnosis(stack, videos, what):
    """Everything somebody would look at first."""
    lines = [f"The demo did not get through: {what}.", ""]
    for v in videos:
        lines.append(f"  {v['source']:<8} {v['status']:<13} {v['error'] or ''}")
    for p in stack.processes():
        if not p.is_running():
            lines.append(f"  {p.name} is not running{p.how_it_ended()}")
    for question, answer in (
        ("events waiting to be routed", lambda: stack.redis.cli("XLEN", "chronos:events")),
        ("events rejected", lambda: stack.redis.cli("XREVRANGE", "chronos:events:rejected", "+", "-", "COUNT", "3")),
        ("failed steps", lambda: stack.postgres.sql(
            "select step, attempt, error_code, error_message from chronos.run_steps"
            " where status = 'failed' limit 10")),
    ):
        try:
            text = answer()
        except StackError as e:
            text = str(e)
        if text and text != "0":
            lines.append(f"  {question}: {text}")
    lines += ["", log_tails(stack.logs())]
    return "\n".join(lines)


def wait_archived(stack, videos):
    """History reaches Postgres in batches, a moment after a run has ended."""
    end = time.monotonic() + 15
    while time.monotonic() < end:
        if all(any(r["function_id"] == "generate-video-embeddings" for r in runs_of(stack, v)) for v in videos):
            return
        time.sleep(0.1)


# ---- the result ----
def runs_of(stack, video):
    return stack.postgres.rows(
        """select r.id, r.function_id, r.status, r.attempts,
                  (extract(epoch from r.finished_at - r.queued_at) * 1000000)::bigint as us
           from chronos.runs r
           join chronos.events e on e.id = r.event_id
           where coalesce(e.data ->> 'videoId', e.data ->> 'video_id') = :video
           order by r.queued_at, r.finished_at""", video=video["id"])


def steps_of(stack, run):
    return stack.postgres.rows(
        """select step, attempt, status, duration_us as us, error_message from chronos.run_steps
           where run_id = :run order by started_at, attempt""", run=run["id"])


def show_video(stack, video):
    say()
    say(f"  {paint(video['source'], 'cyan')}  {paint(video['title'], 'bold')}")
    runs = runs_of(stack, video)
    if not runs:
        say("    its history has not reached Postgres yet")
    for run in runs:
        say(f"    {run['function_id']}: {run['status']} in {screen.duration(run['us'])}")
        for s in steps_of(stack, run):
            extra = "" if s["status"] == "completed" else f"  {s['status']}: {screen.shorten(s['error_message'], 80)}"
            say(f"      {s['step']:<34} {screen.duration(s['us']):>9}  attempt {s['attempt']}{extra}")
    row = stack.postgres.rows(
        """select v.status, v.duration_seconds, v.transcript_language, v.metadata ->> 'transcript_method' as method,
                  array_length(regexp_split_to_array(trim(v.transcript), '\\s+'), 1) as words,
                  count(c.id) as chunks, count(c.embedding) as vectors
           from public.videos v left join public.video_chunks c on c.video_id = v.id
           where v.id = :id group by v.id""", id=video["id"])[0]
    say(f"    the row: {paint(row['status'], 'green')}, {screen.clock(row['duration_seconds'] or 0)} long, "
        f"{screen.counted(row['words'] or 0, 'word')} in {row['transcript_language']} by {row['method']}, "
        f"{screen.counted(row['chunks'], 'chunk')}, {screen.counted(row['vectors'], 'vector')}")


def words_of(text):
    """Those that carry meaning, roughly."""
    return set(re.findall(r"\w{4,}", text.lower()))


def most_alike(texts, wanted):
    """The position of the text that shares most words with the wanted one."""
    return max(range(len(texts)), key=lambda i: len(words_of(texts[i]) & words_of(wanted)))


def best_moment(stack, answer, question):
    """A chunk is minutes long: the sentence in it that is nearest to the question, and the second at which its
    captions begin."""
    sentences = re.split(r"(?<=[.!?])\s+", answer["chunk_text"])
    sentence = sentences[most_alike(sentences, question)]
    start, end = answer["start_time_seconds"], answer["end_time_seconds"]
    captions = stack.postgres.rows(
        """select (c ->> 0)::float / 1000 as at, c ->> 2 as text
           from chronos.transcripts t, json_array_elements(t.segments) c where t.video_id = :video""",
        video=answer["video_id"])
    # a chunk begins with the end of the one before, so what it says may lie before its own start
    captions = [c for c in captions if c["at"] <= end]
    if not captions:
        return sentence, start
    return sentence, captions[most_alike([c["text"] for c in captions], sentence)]["at"]


def show_answers(stack, worker, question, videos):
    heading(f"Search by meaning: “{question}”")
    vector = worker.run("--embed", question)
    answers = stack.postgres.rows(
        """select s.video_id, s.chunk_text, s.start_time_seconds, s.end_time_seconds, s.similarity
           from chronos.search_video_chunks_text(:vector, 3, 0.0, null) s""", vector=vector)
    if not answers:
        raise StackError("the search found nothing")
    by_id = {v["id"]: v for v in videos}
    for i, a in enumerate(answers, 1):
        v = by_id[a["video_id"]]
        sentence, at = best_moment(stack, a, question)
        say(f"  {i}. at {paint(screen.clock(at), 'bold')} of “{v['title']}” ({v['source']}), "
            f"similarity {a['similarity']:.2f}")
        say("     " + paint(screen.shorten(sentence, 100), "dim"))


def show_analytics(stack):
    """Other creators, with believable histories, and the dashboards that are computed for all of them at once."""
    stack.postgres.sql(seed.statement(creators=30, events=20000, seed=SEED))
    heading("Dashboards: 30 more creators with 20,000 watch events, aggregated by one event")
    fields = ["XADD", "chronos:events", "*", "name", "analytics/aggregate.requested", "data", "{}"]
    say("  " + paint("$", "dim") + " " + shlex.join(stack.redis.cli_command(*fields)))
    say("  " + paint(stack.redis.cli(*fields), "dim"))
    run = wait_aggregated(stack)
    say(f"  {run['creators']} creators, {run['entries']} dashboards kept in {screen.duration(run['us'])}; the busiest of the"
        " last 30 days:")
    for r in stack.postgres.rows(
            """select c.name, a.data -> 'metrics' as m, a.data -> 'top_videos' -> 0 ->> 'title' as top
               from public.analytics_cache a join public.creators c on c.id = a.creator_id
               where a.date_range = 'last_30_days'
               order by (a.data -> 'metrics' ->> 'total_views')::bigint desc, c.id limit 3"""):
        m = r["m"]
        say(f"    {r['name']:<12} {m['total_views']:>5,} views ({m['trends']['views']:+}%), "
            f"{m['total_watch_time_seconds'] / 3600:,.0f} hours watched, most seen: {r['top']}")


def wait_aggregated(stack):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        runs = stack.postgres.rows(
            """select status, error_message, output ->> 'creators_processed' as creators,
                      output ->> 'cache_entries_updated' as entries,
                      (extract(epoch from finished_at - queued_at) * 1000000)::bigint as us
               from chronos.runs where function_id = 'aggregate-analytics' order by finished_at desc limit 1""")
        if runs and runs[0]["status"] == "completed":
            return runs[0]
        if runs:
            raise StackError(f"the aggregation failed: {runs[0]['error_message']}")
        time.sleep(0.1)
    raise StackError("the aggregation did not end in a minute\n" + log_tails(stack.logs()))


def show_export(stack):
    """All videos of the creator who has most of them, as a spreadsheet: asked for over HTTP, watched, and downloaded."""
    owner = stack.postgres.rows(
        """select creator_id, count(*) as videos, json_agg(id) as ids from public.videos where not is_deleted
           group by creator_id order by count(*) desc, creator_id limit 1""")[0]
    heading(f"Bulk export: {owner['videos']} videos of one creator, through the console's HTTP API")
    console = stack.state.get("console")["url"]
    say("  " + paint("$", "dim") + f" curl {console}/api/bulk/export -d '{{\"creator_id\": \"{owner['creator_id']}\","
        f" \"video_ids\": [{owner['videos']} ids]}}'")
    begun = ask(console + "/api/bulk/export", {"creator_id": owner["creator_id"], "video_ids": owner["ids"]})
    say("  " + paint(begun["message"], "dim"))
    done = watch_operation(stack, f"{console}/api/bulk/status/{begun['data']['operation_id']}")
    if done["status"] != "completed":
        raise StackError(f"the export ended as {done['status']}: {done['error_message']}")
    with urllib.request.urlopen(urllib.parse.urljoin(console, done["result"]["download_url"]), timeout=20) as file:
        lines = file.read().decode("utf-8").splitlines()
    say(f"  {len(lines) - 1} rows behind a link that ends in a day:")
    for line in lines[:3]:
        say("    " + paint(screen.shorten(line, 110), "dim"))


def ask(url, body=None):
    request = urllib.request.Request(url, json.dumps(body).encode() if body is not None else None,
                                     {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as e:
        raise StackError(f"{url} said {e.code}: {e.read().decode(errors='replace')}") from e


def watch_operation(stack, url):
    panel, end = screen.Panel(), time.monotonic() + 60
    while True:
        operation = ask(url)["data"]
        p = operation["progress"]
        full = round(p["percentage"] / 5)
        line = f"  [{'#' * full}{'.' * (20 - full)}] {p['current']} of {p['total']}  {operation['status']}"
        panel.show([line], [line])
        if operation["status"] not in ("pending", "in_progress"):
            return operation
        if time.monotonic() > end:
            raise StackError("the export did not end in a minute\n" + log_tails(stack.logs()))
        time.sleep(0.05)


def show_cost(stack):
    """What the same work costs with the real services, from what was done."""
    if not os.environ.get("OPENAI_API_KEY"):
        return
    row = stack.postgres.rows(
        """select coalesce((select sum(duration_seconds) from public.videos
                            where metadata ->> 'transcript_method' = 'whisper'), 0) as seconds,
                  coalesce((select sum(length(chunk_text)) / 4 from public.video_chunks), 0) as tokens""")[0]
    usd = (row["seconds"] / 60 * WHISPER_USD_PER_MINUTE
           + row["tokens"] / 1000000 * EMBED_USD_PER_MILLION_TOKENS)
    work = f"{row['seconds'] / 60:.1f} minutes of speech and about {row['tokens']:,} tokens of embeddings"
    heading("OpenAI")
    if is_real():
        say(f"  {work} were bought from OpenAI for about ${usd:.4f}.")
    else:
        say("  OPENAI_API_KEY is set, and was not used: the sandbox answered. The real service would have asked")
        say(f"  about ${usd:.4f} for {work}; CHRONOS_DEMO_REAL=1 make demo uses it.")


def is_real():
    return os.environ.get("CHRONOS_DEMO_REAL") == "1" and bool(os.environ.get("OPENAI_API_KEY"))


def is_brief():
    """Whether the stack is stopped when the story is told."""
    return os.environ.get("CHRONOS_DEMO_DOWN") == "1"


def show_next(stack, creator, videos):
    heading("It is all still running. Next:")
    console = stack.state.get("console")["url"]
    data = json.dumps({"videoId": videos[0]["id"], "creatorId": creator, "source": videos[0]["source"]})
    event = json.dumps({"name": "video/transcript.extract", "data": json.loads(data)})
    for what, command in (
        ("open the page: what runs, waits and fails, and the search", console),
        ("send an event over HTTP, as Inngest's SDK does (a console without keys takes any text for the key)", shlex.join(
            ["curl", f"{console}/e/any", "-d", event])),
        ("send one to Redis", shlex.join(stack.redis.cli_command(
            "XADD", "chronos:events", "*", "name", "video/transcript.extract", "data", data))),
        ("look at Postgres", shlex.join(stack.postgres.psql_command())),
        ("see the latest runs", shlex.join([*stack.postgres.psql_command(), "-c",
         "select function_id, status, attempts, finished_at - queued_at as took"
         " from chronos.runs order by finished_at desc limit 10"])),
        ("ask the engine", f". {relative(stack.folder)}/env && chronosctl doctor   (chronosctl --help tells the rest)"),
        ("read the logs", f"make logs NAME={stack.name}   (FOLLOW=1 to go on reading)"),
        ("start one more worker (yours to stop)", f". {relative(stack.folder)}/env && {relative(stack.build)}/chronos-worker"),
        ("stop and clean up", f"make down NAME={stack.name}"),
    ):
        say(f"  {paint(what, 'cyan')}")
        say(f"    {command}")


def relative(path):
    """As typed from where the caller stands, when that is shorter."""
    short = os.path.relpath(path)
    return path if short.startswith("..") else short
