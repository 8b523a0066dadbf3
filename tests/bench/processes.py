"""CPU seconds of processes, from /proc."""

import os

from ops.stack.process import stat_fields

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_of(pid, children=False):
    """User and system time; `children`: also of those that ended and were waited for."""
    stat = stat_fields(f"/proc/{pid}/stat")
    return sum(int(v) for v in stat[11:15 if children else 13]) / TICKS


def busiest_thread(pid):
    """The CPU seconds of the thread of the process that used most."""
    return max(cpu_of(f"{pid}/task/{thread}") for thread in os.listdir(f"/proc/{pid}/task"))


def machine_busy():
    """CPU seconds that all processors together spent on anything."""
    with open("/proc/stat", encoding="utf-8") as f:
        user, nice, system, _, _, irq, softirq, steal = (int(v) for v in f.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS


class CpuMeter:
    """CPU seconds of the parts of a stack since the meter was made, and of all that is neither part nor meter. Daemons
    count from their own start."""

    def __init__(self, stack):
        self.stack = stack
        self.busy = machine_busy()
        self.own = cpu_of(os.getpid(), children=True)
        self.before = self.servers()

    def servers(self):
        postgres = self.stack.postgres
        cpu = cpu_of(postgres.process.pid, children=True)
        for pid in postgres.backends():
            try:
                cpu += cpu_of(pid)
            except OSError:
                pass  # it ended meanwhile
        return {"redis": cpu_of(self.stack.redis.process.pid), "postgres": cpu}

    def read(self, scheduler, worker):
        now = self.servers()
        used = {name: now[name] - self.before[name] for name in now}
        used["scheduler"] = cpu_of(scheduler.process.pid)
        used["worker"] = cpu_of(worker.process.pid)
        own = cpu_of(os.getpid(), children=True) - self.own
        others = machine_busy() - self.busy - sum(used.values()) - own
        return used, max(0.0, others)
