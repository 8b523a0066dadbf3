"""The dashboards' figures the slow way: plain queries for one creator and one range after the other, and arithmetic in
Python. What aggregate-analytics is compared with; it shares no line with it."""

import datetime
import math
from collections import Counter, defaultdict

UTC = datetime.timezone.utc
DAYS = {"last_7_days": 7, "last_30_days": 30, "last_90_days": 90}


def ranges(now):
    """{name: (start, end)}, both included."""
    found = {name: (now - datetime.timedelta(hours=24 * n), now) for name, n in DAYS.items()}
    found["all_time"] = (now.replace(year=2020), now)
    return found


def number(value):
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else 0


def trend(now, before):
    if before == 0:
        return 100 if now > 0 else 0
    return math.floor((now - before) / before * 100 + 0.5)


class Window:
    """The rows of a creator in a range."""

    def __init__(self, rows, creator, start, end):
        self.start, self.end = start, end
        self.videos = rows("select * from public.videos where creator_id = %s and not is_deleted", creator)
        events = rows("""select * from public.video_analytics_events where creator_id = %s and created_at >= %s
            and created_at <= %s order by created_at""", creator, start, end)
        self.starts = [e for e in events if e["event_type"] == "video_started"]
        self.ends = [e for e in events if e["event_type"] == "video_completed"]
        self.transcripts = [e for e in events if e["event_type"] == "video_transcribed"
                            and (e["metadata"] or {}).get("failed") is not True]
        self.views = Counter(e["video_id"] for e in self.starts)
        self.completions = Counter(e["video_id"] for e in self.ends)

    def watched(self, events):
        return sum(number((e["metadata"] or {}).get("watch_time_seconds")) for e in events)

    def rate(self, video):
        views = self.views[video["id"]]
        return self.completions[video["id"]] / views * 100 if views else 0

    def figures(self):
        rates = [self.rate(v) for v in self.videos]
        return {"total_views": len(self.starts), "total_watch_time_seconds": self.watched(self.ends),
                "avg_completion_rate": sum(rates) / len(rates) if rates else 0, "total_videos": len(self.videos)}

    def days(self):
        at = self.start
        while at <= self.end:
            yield at.astimezone(UTC).date().isoformat()
            at += datetime.timedelta(hours=24)

    def views_over_time(self):
        counts = Counter(e["created_at"].astimezone(UTC).date().isoformat() for e in self.starts)
        return [{"date": day, "views": counts[day]} for day in self.days()]

    def seen(self):
        return [v for v in self.videos if self.views[v["id"]] > 0]

    def completion_rates(self):
        best = sorted(self.seen(), key=lambda v: (-self.rate(v), -self.views[v["id"]], v["id"]))[:10]
        return [{"video_id": str(v["id"]), "title": v["title"], "completion_rate": self.rate(v),
                 "views": self.views[v["id"]]} for v in best]

    def cost_breakdown(self):
        methods = {}
        for e in self.transcripts:
            metadata = e["metadata"] or {}
            entry = methods.setdefault(metadata.get("transcript_method") or "unknown", [0, 0])
            entry[0] += number(metadata.get("cost_usd", metadata.get("cost")))
            entry[1] += 1
        return [{"method": m, "total_cost": c, "video_count": n} for m, (c, n) in methods.items()]

    def storage_usage(self):
        added = defaultdict(float)
        for v in self.videos:
            if v["source_type"] == "upload" and self.start <= v["created_at"] <= self.end:
                added[v["created_at"].astimezone(UTC).date().isoformat()] += (v["file_size_bytes"] or 0) / 2 ** 30
        total, found = 0, []
        for day in self.days():
            total += added[day]
            found.append({"date": day, "storage_gb": added[day], "cumulative_gb": total})
        return found

    def student_engagement(self):
        videos = defaultdict(set)
        hours = Counter()
        for e in self.starts:
            if e["student_id"]:
                videos[e["student_id"]].add(e["video_id"])
            at = e["created_at"].astimezone(UTC)
            hours[at.isoweekday() % 7, at.hour] += 1
        return {"active_learners": len(videos),
                "avg_videos_per_student": sum(map(len, videos.values())) / len(videos) if videos else 0,
                "peak_hours": [{"hour": h, "day_of_week": d, "activity_count": n} for (d, h), n in hours.items()]}

    def top_videos(self):
        found = []
        for v in sorted(self.seen(), key=lambda v: (-self.views[v["id"]], v["id"]))[:20]:
            ends = [e for e in self.ends if e["video_id"] == v["id"]]
            found.append({"id": str(v["id"]), "title": v["title"], "thumbnail_url": v["thumbnail_url"],
                          "duration_seconds": v["duration_seconds"], "source_type": v["source_type"],
                          "views": self.views[v["id"]],
                          "avg_watch_time_seconds": self.watched(ends) / len(ends) if ends else 0,
                          "completion_rate": self.rate(v)})
        return found


def dashboard(rows, creator, start, end):
    """analytics_cache.data as it should be. rows(sql, *values) asks Postgres."""
    now = Window(rows, creator, start, end)
    length = datetime.timedelta(hours=24 * math.ceil((end - start) / datetime.timedelta(days=1)))
    figures, before = now.figures(), Window(rows, creator, start - length, start).figures()
    trends = {"views": "total_views", "watch_time": "total_watch_time_seconds", "completion": "avg_completion_rate",
              "videos": "total_videos"}
    return {
        "metrics": {**figures, "trends": {name: trend(figures[key], before[key]) for name, key in trends.items()}},
        "views_over_time": now.views_over_time(),
        "completion_rates": now.completion_rates(),
        "cost_breakdown": now.cost_breakdown(),
        "storage_usage": now.storage_usage(),
        "student_engagement": now.student_engagement(),
        "top_videos": now.top_videos(),
    }


def differences(expected, seen, path="data"):
    """Where two values differ; numbers may by the last bits of a float."""
    if isinstance(expected, dict) and isinstance(seen, dict):
        if expected.keys() != seen.keys():
            return [f"{path}: keys {sorted(seen)} instead of {sorted(expected)}"]
        return [d for k in expected for d in differences(expected[k], seen[k], f"{path}.{k}")]
    if isinstance(expected, list) and isinstance(seen, list):
        if len(expected) != len(seen):
            return [f"{path}: {len(seen)} entries instead of {len(expected)}"]
        return [d for i, (a, b) in enumerate(zip(expected, seen)) for d in differences(a, b, f"{path}[{i}]")]
    numbers = all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in (expected, seen))
    same = math.isclose(expected, seen, rel_tol=1e-9, abs_tol=1e-9) if numbers else expected == seen
    return [] if same else [f"{path}: {seen!r} instead of {expected!r}"]
