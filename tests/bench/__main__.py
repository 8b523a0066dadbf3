"""python3 -m tests.bench [--only noop,idle] [--seconds N] [--json FILE] (make bench)

Ends with 1 when something could not be measured, and when the soak found something that grows."""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time

from ops.stack import StackError, repository
from ops.stack.sessions import session_folder

from . import analytics, backlog, bulk, http, latency, memory, observability, profile, scheduling, soak, text, tracing, videos
from .bench import Bench
from .resp import RespError

PARTS = ("noop", "three", "idle", "half", "limits", "admission", "timers", "slots", "cron", "kill", "analytics", "bulk", "hour", "speech",
         "observability", "tracing", "http", "profile", "soak", "memory", "text")
WITHOUT_SERVERS = {"text"}
REPETITIONS = 3
PAIRS = 10  # where three tell less than the noise of a shared machine; even, since the one and the other go first in turn
NOOP_RUNS, THREE_RUNS = 50000, 20000
LIMITS_RUNS = 50000


def spread(values):
    return {"median": round(statistics.median(values), 3), "min": round(min(values), 3),
            "max": round(max(values), 3)}


def progress(text):
    print(f"  {text}", file=sys.stderr, flush=True)


def machine():
    def first_line(*command):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout.splitlines()[0] if done.stdout else "?"

    return {"cores": os.cpu_count(), "load_before": round(os.getloadavg()[0], 2),
            "redis": first_line("redis-server", "--version").split()[2],
            "commit": first_line("git", "-C", repository(), "describe", "--always", "--dirty")}


# ---- parts ----
def measure_noop(bench, figures, count):
    """The drain and the limit of the same Redis take turns, so that both meet the same machine."""
    drains, single, batched = [], [], []
    for i in range(REPETITIONS):
        drains.append(backlog.drain(bench, "test/noop", "test-noop", count))
        single.append(backlog.redis_limit(bench, backlog.ONE_BY_ONE))
        batched.append(backlog.redis_limit(bench, backlog.BATCHED))
        progress(f"noop {i + 1}/{REPETITIONS}: {drains[-1]['runs_per_s']:,.0f} runs/s, Redis alone "
                 f"{single[-1][0]:,.0f}, batched {batched[-1][0]:,.0f}")
    middle = sorted(drains, key=lambda d: d["runs_per_s"])[len(drains) // 2]
    figures["noop_runs_per_s"] = spread([d["runs_per_s"] for d in drains])
    figures["xadd_events_per_s"] = spread([d["xadd_per_s"] for d in drains])
    figures["redis_limit_runs_per_s"] = spread([rate for rate, _ in single])
    figures["redis_limit_batched_runs_per_s"] = spread([rate for rate, _ in batched])
    figures["ratio_to_redis_limit"] = spread([d["runs_per_s"] / rate for d, (rate, _) in zip(drains, single)])
    figures["ratio_to_redis_limit_batched"] = spread(
        [d["runs_per_s"] / rate for d, (rate, _) in zip(drains, batched)])
    figures["cpu_us_per_run"] = {k: round(v / middle["runs"] * 1e6, 1) for k, v in middle["cpu_s"].items()}
    for name, repetitions in (("redis_limit", single), ("redis_limit_batched", batched)):
        figures["cpu_us_per_run"][name] = round(statistics.median([cpu for _, cpu in repetitions]), 1)
    figures["others_cores"] = spread([d["others_cores"] for d in drains])
    figures["bounded_by"] = backlog.bounded_by(middle)


def measure_three(bench, figures, count):
    rates = []
    for i in range(REPETITIONS):
        rates.append(backlog.drain(bench, "test/three", "test-three", count)["runs_per_s"])
        progress(f"three {i + 1}/{REPETITIONS}: {rates[-1]:,.0f} runs/s")
    figures["three_step_runs_per_s"] = spread(rates)


def measure_idle(bench, figures, _):
    figures["idle_latency_ms"] = latency.measure(bench)
    progress(f"idle latency: {figures['idle_latency_ms']}")


def measure_half(bench, figures, _):
    if "noop_runs_per_s" not in figures:
        raise StackError("half needs noop: its load is half of that figure")
    rate = figures["noop_runs_per_s"]["median"] / 2
    figures["half_load_latency_ms"] = {**latency.measure(bench, rate), "background_runs_per_s": round(rate)}
    progress(f"latency at half load: {figures['half_load_latency_ms']}")


def measure_limits(bench, figures, count):
    ratios = scheduling.limits_ratio(bench, count, PAIRS)
    figures["limited_to_unlimited"] = spread(ratios)
    progress(f"with limits and 10,000 owners waiting, against without: {ratios}")


def measure_admission(bench, figures, _):
    figures["admission_redis_cpu_us"] = scheduling.admission(bench)
    progress(f"admission: {figures['admission_redis_cpu_us']}")


def measure_timers(bench, figures, _):
    figures["timer_lateness_ms"] = scheduling.timer_precision(bench)
    progress(f"timers: {figures['timer_lateness_ms']}")


def measure_slots(bench, figures, _):
    figures["slot_reuse_ms"] = scheduling.slot_reuse(bench)
    progress(f"slots: {figures['slot_reuse_ms']}")


def measure_cron(bench, figures, _):
    figures["cron_tick_ten_schedulers"] = scheduling.cron_tick(bench)
    progress(f"cron: {figures['cron_tick_ten_schedulers']}")


def measure_kill(bench, figures, _):
    figures["kill_to_next_attempt_ms"] = scheduling.kill_to_next_attempt(bench)
    progress(f"kill -9: {figures['kill_to_next_attempt_ms']}")


def measure_analytics(bench, figures, _):
    figures["analytics"] = analytics.measure(bench)
    progress(f"analytics: {figures['analytics']}")


def measure_bulk(bench, figures, _):
    figures["bulk"] = bulk.measure(bench)
    progress(f"bulk: {figures['bulk']}")


def measure_hour(bench, figures, _):
    figures["hour_of_video"] = videos.hour(bench)
    progress(f"an hour of video: {figures['hour_of_video']}")


def measure_speech(bench, figures, _):
    figures["hundred_transcriptions_waiting"] = videos.waiting_for_speech(bench)
    progress(f"transcriptions that wait: {figures['hundred_transcriptions_waiting']}")


def measure_tracing(bench, figures, count):
    found = tracing.ratios(bench, count, REPETITIONS)
    figures["tracing_to_none"] = spread(found)
    progress(f"with spans against without: {found}")


def measure_observability(bench, figures, count):
    figures["observability"] = observability.measure(bench, count, REPETITIONS)
    progress(f"watched against not: {figures['observability']}")


def measure_soak(bench, figures, seconds):
    figures["soak"] = soak.measure(bench, seconds)
    progress(f"soak: {'flat' if figures['soak']['flat'] else 'not flat'}")


def measure_http(bench, figures, _):
    for name, value in http.measure(bench, REPETITIONS, progress).items():
        figures[name] = spread(value) if isinstance(value, list) else value


def measure_profile(bench, figures, _):
    figures["profile"] = profile.measure(bench)


def measure_memory(bench, figures, _):
    figures["redis_bytes_per_waiting_run"] = {k: round(v, 1) for k, v in memory.measure(bench).items()}


def measure_text(bench, figures, _):
    for name, rates in text.measure(bench.variant).items():
        figures[f"{name}_mb_per_s"] = spread(rates)
    progress("text: " + ", ".join(f"{k[:-9]} {v['median']:,.0f}" for k, v in figures.items() if k.endswith("_mb_per_s")))


MEASURES = {"noop": (measure_noop, NOOP_RUNS), "three": (measure_three, THREE_RUNS), "idle": (measure_idle, 0),
            "half": (measure_half, 0), "limits": (measure_limits, LIMITS_RUNS),
            "admission": (measure_admission, 0), "timers": (measure_timers, 0), "slots": (measure_slots, 0),
            "cron": (measure_cron, 0), "kill": (measure_kill, 0), "analytics": (measure_analytics, 0),
            "bulk": (measure_bulk, 0), "hour": (measure_hour, 0), "speech": (measure_speech, 0),
            "tracing": (measure_tracing, NOOP_RUNS),
            "observability": (measure_observability, NOOP_RUNS),
            "http": (measure_http, 0), "profile": (measure_profile, 0), "soak": (measure_soak, soak.SECONDS),
            "memory": (measure_memory, 0), "text": (measure_text, 0)}


# ---- output ----
def show(value):
    if not isinstance(value, dict):
        return str(value)
    if "median" in value:
        digits = 2 if value["max"] < 100 else 0
        middle, low, high = (f"{value[k]:,.{digits}f}" for k in ("median", "min", "max"))
        return f"{middle:>10}   ({low} to {high})"
    return "       " + "  ".join(f"{k} {v:,}" for k, v in value.items())


def print_table(figures):
    for name, value in figures.items():
        if name not in ("machine", "profile", "soak", "bounded_by"):
            print(f"{name:<34} {show(value)}")
    if "bounded_by" in figures:
        print(f"\nbounded by: {figures['bounded_by']}")
    if "soak" in figures:
        print(f"\n{soak.show(figures['soak'])}")
    for daemon, top in (figures.get("profile") or {}).items():
        print(f"\ntop functions of the {daemon}, percent of its samples")
        for percent, function, library in top:
            print(f"  {percent:5.1f}  {function}  ({library})")


def parse():
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    parser.add_argument("--only", default=",".join(PARTS), help="of " + ",".join(PARTS))
    parser.add_argument("--json", default=os.path.join(repository(), "build", "bench.json"))
    parser.add_argument("--seconds", type=int, default=soak.SECONDS, help="of the soak")
    args = parser.parse_args()
    args.parts = args.only.split(",")
    unknown = set(args.parts) - set(PARTS)
    if unknown:
        parser.error(f"unknown part {', '.join(sorted(unknown))}")
    return args


def interrupt(_number, _frame):
    raise KeyboardInterrupt


def main():
    args = parse()
    signal.signal(signal.SIGTERM, interrupt)
    begin = time.monotonic()
    figures = {"machine": machine()}
    with session_folder() as folder:
        bench = Bench(os.path.join(folder, "bench"), os.environ.get("CHRONOS_BENCH_VARIANT", "release"))
        try:
            if not WITHOUT_SERVERS.issuperset(args.parts):
                bench.start_servers()
            for part in PARTS:
                if part in args.parts:
                    run, count = MEASURES[part]
                    run(bench, figures, args.seconds if part == "soak" else count)
        except (KeyboardInterrupt, StackError, RespError, RuntimeError) as e:
            print(str(e) or "interrupted", file=sys.stderr)
            return 1
        finally:
            bench.close()
    print_table(figures)
    with open(args.json, "w", encoding="utf-8") as f:
        json.dump(figures, f, indent=2)
        f.write("\n")
    print(f"\n{time.monotonic() - begin:.0f} s; also in {os.path.relpath(args.json)}")
    return 0 if figures.get("soak", {"flat": True})["flat"] else 1


if __name__ == "__main__":
    sys.exit(main())
