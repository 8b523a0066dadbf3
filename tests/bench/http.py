"""The console: how many events it takes, how promptly it answers, what open streams cost it, and when a person sees its page."""

import hashlib
import statistics

from . import first_paint, http_dashboard, http_events, http_streams

READ_KEY = "bench-read"


def keys():
    """Settings of a console with keys, as one has in production."""
    def setting(key):
        return f"bench=sha256:{hashlib.sha256(key.encode()).hexdigest()}"

    return {"CHRONOS_EVENT_KEYS": setting(http_events.EVENT_KEY), "CHRONOS_READ_KEYS": setting(READ_KEY)}


def events_figures(name, doors):
    """The figures of one size of requests; lists are repetitions."""
    figures = {f"http_{name}_{door}_events_per_s": [r["per_s"] for r in rounds] for door, rounds in doors.items()}
    figures[f"http_{name}_to_xadd"] = [h["per_s"] / x["per_s"] for h, x in zip(doors["post"], doors["xadd"])]
    for door, rounds in doors.items():
        middle = sorted(rounds, key=lambda r: r["per_s"])[len(rounds) // 2]
        figures[f"http_{name}_{door}_cpu_us"] = middle["cpu_us"]
        figures[f"http_{name}_{door}_cores"] = middle["cores"]
    return figures


def measure(bench, repetitions, progress):
    figures = {}
    bench.start_console(**keys())
    for name, doors in http_events.measure(bench, repetitions).items():
        figures.update(events_figures(name, doors))
        progress(f"events, {name}: {statistics.median(figures[f'http_{name}_post_events_per_s']):,.0f}/s over HTTP, "
                 f"{statistics.median(figures[f'http_{name}_xadd_events_per_s']):,.0f}/s by XADD")
    rate = statistics.median(figures["http_single_post_events_per_s"])
    figures["http_dashboard"] = http_dashboard.measure(bench, READ_KEY, rate)
    progress(f"dashboard: {figures['http_dashboard']}")
    bench.stop_daemons()
    bench.start_daemons(wait=True)
    bench.start_console(**keys())
    figures["http_streams"] = http_streams.measure(bench, READ_KEY)
    progress(f"streams: {figures['http_streams']}")
    bench.stop_daemons()
    bench.start_console()  # without keys: the page asks for no login
    figures["first_paint_ms"] = first_paint.measure(bench)
    progress(f"first paint: {figures['first_paint_ms']}")
    bench.stop_daemons()
    return figures
