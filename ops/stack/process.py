"""One process of a stack: started in a session of its own, recorded before it runs, logged to a file.

A process is launched through a shell that waits for a line before it becomes the program; the line is sent after
pid and start time are in the state file. So there is no moment at which a process exists that a later `down` does
not know of, whatever happens to the program that started it."""

import os
import re
import signal
import subprocess
import time

from .waiting import StackError, tail, wait_until

GATE = 'read -r go && [ "$go" = go ] || exit 1; exec "$@" </dev/null'


def stat_fields(path):
    """The fields of a stat file of /proc, from the state (0) on: the name before may have spaces. OSError when it is gone."""
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read().rpartition(")")[2].split()


def start_time(pid):
    """Clock ticks between the machine's boot and the process's start; None when there is no such process, or only
    its exit status is left (a zombie)."""
    try:
        fields = stat_fields(f"/proc/{pid}/stat")
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def processes():
    """(pid, fields of its stat file) of all that there are."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            yield int(name), stat_fields(f"/proc/{name}/stat")
        except OSError:  # it has ended meanwhile
            continue


def session_members(pid):
    """Pids of the living processes of the session that `pid` began."""
    return [member for member, fields in processes() if fields[0] not in "ZX" and int(fields[3]) == pid]


def is_stopped(pid):
    """Whether no thread of the process can run: each is stopped, or has ended."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
        if any(stat_fields(f"/proc/{pid}/task/{thread}/stat")[0] not in "TtZX" for thread in threads):
            return False
    except OSError:  # a thread or all of it ended meanwhile; who asks again learns which
        return start_time(pid) is None
    return True


class Process:
    """`stop_signal` asks it to end; `grace` seconds later it is killed with all it started."""

    def __init__(self, state, folder, name, stop_signal=signal.SIGTERM, grace=10.0):
        self.state = state
        self.name = name
        self.log = os.path.join(folder, name + ".log")
        self.stop_signal = stop_signal
        self.grace = grace
        self.log_start = 0
        self.child = None

    @property
    def record(self):
        return self.state.read()["processes"].get(self.name)

    @property
    def pid(self):
        record = self.record
        return record["pid"] if record else None

    def start(self, command, env, cwd=None, user=None):
        """Starts `command`; `user` is a pwd entry to run it as. The log is appended to."""
        if self.is_running():
            raise StackError(f"{self.name} runs already (pid {self.pid})")
        identity = {}
        if user is not None:
            identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        with open(self.log, "ab") as log:
            self.log_start = log.tell()
            self.child = subprocess.Popen(
                ["/bin/sh", "-c", GATE, self.name, *command], stdin=subprocess.PIPE, stdout=log,
                stderr=subprocess.STDOUT, env=env, cwd=cwd, start_new_session=True, **identity)
        pid = self.child.pid
        with self.state.change() as s:
            s["processes"][self.name] = {
                "pid": pid, "start_time": start_time(pid), "command": list(command), "log": self.log,
                "stop_signal": int(self.stop_signal), "grace": self.grace}
        try:
            self.child.stdin.write(b"go\n")
            self.child.stdin.close()
        except BrokenPipeError:
            raise StackError(f"{self.name} could not be started") from None

    def is_running(self):
        record = self.record
        if record is None:
            return False
        if self.child is not None and self.child.pid == record["pid"]:
            # our own: its first thread may be gone while others are still ending, and only then is there a status
            return self.child.poll() is None
        return start_time(record["pid"]) == record["start_time"]

    def exit_status(self):
        """As subprocess's returncode; None while it runs, or when another program started it."""
        return self.child.poll() if self.child else None

    def signal(self, number, group=False):
        """Sends a signal, if it is still the process that was started. `group`: to its children, too."""
        record = self.record
        if record is None or not self.is_running():
            return False
        try:
            (os.killpg if group else os.kill)(record["pid"], number)
        except ProcessLookupError:
            return False
        return True

    def pause(self):
        """Returns once nothing of it runs: one thread takes the signal and tells the others, and on a busy machine
        another may still do a piece of work until that one has had its turn."""
        if self.signal(signal.SIGSTOP, group=True):
            wait_until(lambda: not self.is_running() or all(map(is_stopped, session_members(self.pid))), 10.0,
                       f"{self.name} to be stopped", interval=0.001)

    def resume(self):
        self.signal(signal.SIGCONT, group=True)

    def kill(self, deadline=10.0):
        """kill -9, the whole session, as when a machine or container dies."""
        self.signal(signal.SIGKILL, group=True)
        self.wait_gone(deadline)
        self.forget()

    def stop(self):
        """Asks it to end, then insists. Returns its exit status when known. Never touches a process that is not
        the one that was started."""
        if self.signal(signal.SIGCONT, group=True):
            self.signal(self.stop_signal)
            end = time.monotonic() + self.grace
            while self.is_running() and time.monotonic() < end:
                time.sleep(0.01)
            if self.is_running():
                self.signal(signal.SIGKILL, group=True)
            self.wait_gone(10.0)
        status = self.exit_status()
        self.forget()
        return status

    def wait_gone(self, deadline):
        wait_until(lambda: not self.is_running(), deadline, f"{self.name} (pid {self.pid}) to end",
                   logs=[self.log])

    def forget(self):
        """Ends what the process left behind in its session (a pid is not given away while its session lives), and
        takes it out of the state."""
        record = self.record
        if record is None:
            return
        if start_time(record["pid"]) is None:
            for pid in session_members(record["pid"]):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        with self.state.change() as s:
            s["processes"].pop(self.name, None)

    def log_text(self, since_start=True):
        """What was logged, by default since the last start."""
        try:
            with open(self.log, "rb") as f:
                f.seek(self.log_start if since_start else 0)
                return f.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def log_contains(self, pattern, since_start=True):
        """Whether a line of the log matches the regular expression."""
        return re.search(pattern, self.log_text(since_start), re.MULTILINE) is not None

    def wait_for_log(self, pattern, deadline=15.0):
        def found():
            if self.log_contains(pattern):
                return True
            if not self.is_running():
                raise StackError(f"{self.name} ended{self.how_it_ended()} before it logged {pattern}\n"
                                 + tail(self.log, 25, self.log_start))
            return False

        wait_until(found, deadline, f"{self.name} to log {pattern}", logs=[self.log])

    def how_it_ended(self):
        status = self.exit_status()
        if status is None:
            return ""
        return f" with status {status}" if status >= 0 else f" by signal {-status}"
