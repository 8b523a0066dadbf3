"""python3 -m ops.stack up | down | status | logs | seed | demo | run (make up, make down, …)

A stack lives in .run/demo-1, .run/demo-2, …: each has its own ports and data, so several can be up at once.
CHRONOS_RUN_DIR names another folder in place of .run."""

import argparse
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.parse

from . import demo, seed
from .postgres_server import FAST
from .screen import heading, paint, say
from .sessions import run_dir, session_folder
from .stack import Stack
from .waiting import StackError, tail


def number(name):
    digits = name.rpartition("-")[2]
    return int(digits) if digits.isdigit() else 0


def all_stacks():
    """In the order of their numbers, running or not."""
    base = run_dir()
    names = os.listdir(base) if os.path.isdir(base) else []
    names = [n for n in names if os.path.exists(os.path.join(base, n, "state.json"))]
    return [Stack(os.path.join(base, n)) for n in sorted(names, key=lambda n: (number(n), n))]


def claim_folder(name=None):
    """A new folder of that name, else of the first number that is free; making it is the claim, so two that start at once get two."""
    base = run_dir()
    os.makedirs(base, exist_ok=True)
    if name:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", name):
            raise StackError(f"NAME={name}: up to 40 small letters, digits and dashes, as demo-1")
        try:
            os.mkdir(os.path.join(base, name), 0o755)
        except FileExistsError:
            raise StackError(f"there is a stack {name} already (make status; make down NAME={name})") from None
        return os.path.join(base, name)
    n = 1
    while True:
        folder = os.path.join(base, f"demo-{n}")
        try:
            os.mkdir(folder, 0o755)
            return folder
        except FileExistsError:
            n += 1


def find(name):
    """The stack of that name; without a name the newest that runs."""
    stacks = all_stacks()
    if name:
        for s in stacks:
            if s.name == name:
                return s
        raise StackError(f"there is no stack {name} in {demo.relative(run_dir())}")
    running = [s for s in stacks if s.is_running()]
    if not running:
        raise StackError("nothing is running (make up, or make demo)")
    return running[-1]


# ---- starting ----
def announce(name, address, note=""):
    say(f"  {name:<10} {address}" + (paint("   " + note, "dim") if note else ""))


def bring_up(stack):
    """Starts everything; returns a worker, which also computes embeddings for searches."""
    heading(f"Starting {stack.name}: everything on 127.0.0.1, data and logs in {demo.relative(stack.folder)}")
    stack.start_postgres()
    announce("postgres", stack.database_url)
    stack.start_redis()
    announce("redis", stack.redis_url)
    stack.start_sandbox()
    announce("sandbox", stack.sandbox_url, "plays YouTube, Loom, Mux, Supabase Storage and OpenAI")
    if demo.is_real():
        stack.environment["OPENAI_API_KEY"] = os.environ["OPENAI_API_KEY"]
        stack.environment["OPENAI_BASE_URL"] = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1")
        announce("openai", stack.environment["OPENAI_BASE_URL"], "the real one, with your key")
    scheduler = stack.start_scheduler("scheduler")
    stack.wait_migrated()
    announce("scheduler", f"pid {scheduler.process.pid}", "ready; it has made the tables")
    workers = [stack.start_worker(f"worker-{i}", wait=False, CHRONOS_WORKER_THREADS=8) for i in (1, 2)]
    for w in workers:
        w.wait_ready()
        announce(w.name, f"pid {w.process.pid}", "ready")
    console = stack.start_console()
    announce("console", console.url, "events, runs and functions over HTTP")
    write_env(stack, console)
    return workers[0]


def write_env(stack, console):
    """For a shell that wants to start a daemon of this stack by hand, or chronosctl: a console where the first one was. A real key
    is not written to a file."""
    env = stack.daemon_environment(CHRONOS_CONSOLE_PORT=urllib.parse.urlsplit(console.url).port)
    if demo.is_real():
        env.pop("OPENAI_API_KEY")
    with open(os.path.join(stack.folder, "env"), "w", encoding="utf-8") as f:
        f.writelines(f"export {k}={shlex.quote(v)}\n" for k, v in env.items())
        f.write(f"export PATH={shlex.quote(stack.build)}:\"$PATH\"\n")


def quietly_stop(stack, remove):
    """Not to be interrupted by an impatient second Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        stack.stop()
        if remove:
            stack.remove()
    except StackError as e:
        say(paint(str(e), "red"))


def start_new(name=None, observe=False):
    """A new stack of that name with everything started (`observe`: and a Prometheus), and one of its workers. What a failed or interrupted start had begun is
    stopped again."""
    stack = Stack(claim_folder(name), os.environ.get("CHRONOS_DEMO_VARIANT", "release"), metrics=True,
                  environment={"CHRONOS_CANARY_MS": "60000"})
    try:
        worker = bring_up(stack)
        if observe:
            announce("prometheus", stack.start_prometheus().url, "scrapes the daemons; its rules are ops/prometheus")
        return stack, worker
    except KeyboardInterrupt:
        say()
        say("Interrupted; stopping what was started.")
        quietly_stop(stack, remove=True)
        raise
    except StackError:
        say()
        say(paint(f"It could not be started. The logs are in {demo.relative(stack.folder)}.", "red"))
        quietly_stop(stack, remove=False)
        raise


SETTINGS = 60  # lines a daemon may begin with


# ---- commands ----
def command_up(args):
    stack, _ = start_new(args.name, args.observe)
    heading("Up.")
    say(f"  make status, make logs NAME={stack.name}, make down NAME={stack.name}")
    say(f"  . {demo.relative(stack.folder)}/env gives a shell the settings of its daemons, and chronosctl")


def command_demo(args):
    begin = time.monotonic()
    stack, worker = start_new(args.name)
    try:
        demo.tell(stack, worker)
    except KeyboardInterrupt:
        say()
        say("Interrupted; stopping the stack.")
        quietly_stop(stack, remove=True)
        raise
    except StackError:
        if demo.is_brief():
            quietly_stop(stack, remove=False)
        else:
            say()
            say(f"The stack is still up for a look: make logs NAME={stack.name}, make down NAME={stack.name}")
        raise
    if demo.is_brief():
        quietly_stop(stack, remove=True)
        say()
        say("Stopped and cleaned up.")
    say()
    say(paint(f"Done in {time.monotonic() - begin:.0f} s.", "green"))


def command_down(args):
    if not args.name and not all_stacks():
        say("Nothing is running.")
        return
    stacks = all_stacks() if args.all else [find(args.name)]
    for stack in stacks:
        stack.stop()
        if args.keep:
            say(f"{stack.name} is down; its data stays in {demo.relative(stack.folder)}")
        else:
            stack.remove()
            say(f"{stack.name} is down, its data removed")
    left = [s.name for s in all_stacks() if s.is_running()]
    if left:
        say(f"Still up: {', '.join(left)} (make down again, or make down ALL=1)")


def command_status(_):
    stacks = all_stacks()
    if not stacks:
        say("Nothing is running (make up, or make demo).")
    for stack in stacks:
        heading(stack.name + ("" if stack.is_running() else "  (stopped)"))
        for p in stack.processes():
            state = paint("running", "green") if p.is_running() else paint("gone", "red")
            address, metrics = stack.state.get(p.name, {}).get("url", ""), stack.metrics_address(p.name)
            more = paint(f"   metrics at http://{metrics}/metrics", "dim") if metrics else ""
            say(f"  {p.name:<10} {state:<8} pid {p.pid:<8} {address}{more}")


def command_seed(args):
    stack = find(args.name)
    begin = time.monotonic()
    try:
        stack.postgres.sql(seed.statement(**{k: getattr(args, k) for k in seed.DEFAULTS}))
    except ValueError as e:
        raise StackError(str(e)) from e
    say(f"{stack.name} has {args.creators:,} creators and {args.events:,} watch events of seed {args.seed}"
        f" ({time.monotonic() - begin:.1f} s)")


def command_logs(args):
    stack = find(args.name)
    logs = [p for p in stack.logs() if not args.part or os.path.basename(p) == args.part + ".log"]
    if not logs:
        raise StackError(f"{stack.name} has no log of {args.part}")
    if args.follow:
        sys.stdout.flush()
        os.execvp("tail", ["tail", "-n", str(args.lines), "-F", *logs])
    # the daemons last, where the eye is; their settings are in the files
    for path in sorted(logs, key=lambda p: os.path.basename(p).startswith(("scheduler", "worker"))):
        heading(demo.relative(path))
        lines = tail(path, args.lines + SETTINGS).splitlines()
        say("\n".join([line for line in lines if " msg=setting " not in line][-args.lines:]))


def command_run(args):
    """Its exit status is the command's; 125 when the servers could not be started."""
    with session_folder() as folder:
        stack = Stack(os.path.join(folder, "run"), postgres_settings=FAST)
        try:
            try:
                stack.start_redis()
                stack.start_postgres()
            except StackError as e:
                print(e, file=sys.stderr)
                return 125
            env = {**os.environ, "CHRONOS_TEST_REDIS_URL": stack.redis_url,
                   "CHRONOS_TEST_DATABASE_URL": stack.database_url}
            return wait_patiently(subprocess.Popen(args.words, env=env))
        finally:
            quietly_stop(stack, remove=True)


def wait_patiently(child):
    """Ctrl-C reaches the command, too, and it is the command that decides what to do then."""
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:
            child.terminate()


def parse():
    parser = argparse.ArgumentParser(prog="ops.stack", description="A private Chronos on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start a new stack")
    up.add_argument("name", nargs="?", help="demo-1, demo-2, … unless given")
    up.add_argument("--observe", action="store_true", help="with a Prometheus that scrapes it")
    up.set_defaults(run=command_up)
    show = commands.add_parser("demo", help="start one and show it at work")
    show.add_argument("name", nargs="?")
    show.set_defaults(run=command_demo)
    commands.add_parser("status", help="what is running").set_defaults(run=command_status)
    down = commands.add_parser("down", help="stop a stack (the newest) and remove its data")
    down.add_argument("name", nargs="?")
    down.add_argument("--all", action="store_true", help="every stack, and what stopped ones left")
    down.add_argument("--keep", action="store_true", help="leave data and logs")
    down.set_defaults(run=command_down)
    run = commands.add_parser("run", help="run a command beside a fast Postgres and a Redis, whose addresses are in"
                              " CHRONOS_TEST_DATABASE_URL and CHRONOS_TEST_REDIS_URL")
    run.add_argument("words", nargs="+", metavar="command")
    run.set_defaults(run=command_run)
    more = commands.add_parser("seed", help="put believable data into a running stack (the newest)")
    more.add_argument("name", nargs="?")
    for name, default in seed.DEFAULTS.items():
        more.add_argument(f"--{name}", type=str if name == "until" else int, default=default, help=seed.HELP[name])
    more.set_defaults(run=command_seed)
    logs = commands.add_parser("logs", help="the last lines of the logs")
    logs.add_argument("name", nargs="?")
    logs.add_argument("part", nargs="?", help="redis, postgres, sandbox, scheduler, worker-1, …")
    logs.add_argument("-f", "--follow", action="store_true")
    logs.add_argument("-n", "--lines", type=int, default=20)
    logs.set_defaults(run=command_logs)
    return parser.parse_args()


def on_terminate(_number, _frame):
    raise KeyboardInterrupt


def main():
    args = parse()
    signal.signal(signal.SIGTERM, on_terminate)
    try:
        return args.run(args) or 0
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 1
    except StackError as e:
        sys.stdout.flush()
        print(f"\n{e}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
