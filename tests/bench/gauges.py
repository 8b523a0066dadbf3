"""What a running stack holds: memory, descriptors and threads of its processes, keys and memory of Redis, connections and
tables of Postgres."""

import os

MIB = 1 << 20
SLACKS = (
    ("postgres rss", 32 * MIB),  # each session has in its mind what tables and plans it has met
    ("postgres fds", 1000),  # and keeps their files open, up to a bound of its own
    ("redis rss", 8 * MIB),  # what is freed goes back when the allocator likes
    ("rss", 2 * MIB), ("memory", 2 * MIB), ("fds", 4), ("threads", 1), ("keys", 200), ("clients", 2),
    ("connections", 2), ("history in redis", 2000),
    ("", 2 * MIB),  # a table
)
SHARE_SLACK = 16  # bytes per event: a table grows by pages

TABLES = """
select coalesce(i.inhparent, c.oid)::regclass::text as name, i.inhparent is not null as by_day,
       sum(pg_total_relation_size(c.oid)) as bytes
from pg_class c
left join pg_inherits i on i.inhrelid = c.oid
where c.relkind = 'r' and c.relnamespace in ('chronos'::regnamespace, 'public'::regnamespace)
group by 1, 2"""
SESSIONS = """
select count(*) as sessions from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"""


def status(pid, *names):
    """Those lines of /proc/<pid>/status as numbers: bytes, or threads."""
    found = dict.fromkeys(names, 0)
    with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as f:
        for line in f:
            name, _, rest = line.partition(":")
            if name in found:
                words = rest.split()
                found[name] = int(words[0]) * (1024 if len(words) > 1 else 1)
    return [found[name] for name in names]


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def of_process(name, pid):
    rss, threads = status(pid, "VmRSS", "Threads")
    return {f"{name} rss": rss, f"{name} fds": descriptors(pid), f"{name} threads": threads}


def of_postgres(server):
    """Of the server and its backends. What they share is as large as it was told to be, so only the rest counts."""
    memory = files = 0
    for pid in (server.process.pid, *server.backends()):
        try:
            memory += status(pid, "RssAnon")[0]
            files += descriptors(pid)
        except OSError:
            pass  # it ended meanwhile
    return {"postgres rss": memory, "postgres fds": files}


def of_redis(redis):
    """Memory without the buffers of connections and of the append-only file, which come and go; keys without those that end
    by themselves."""
    info, space = redis.info("memory"), dict(part.split("=") for part in redis.info("keyspace")["db0"].split(","))
    used = int(info["used_memory"]) - int(info["mem_clients_normal"]) - int(info["mem_aof_buffer"])
    return {"redis memory": used, "redis keys": int(space["keys"]) - int(space["expires"]),
            "redis clients": int(redis.info("clients")["connected_clients"]),
            "events and history in redis": redis.call("XLEN", "chronos:events") + redis.call("XLEN", "{c0}:history")}


def of_tables(server):
    """(those that are kept by day, the others)"""
    rows = server.rows(TABLES)
    return tuple({f"table {r['name']}": r["bytes"] for r in rows if r["by_day"] is by_day} for by_day in (True, False))


def read(stack, redis):
    """(levels, what grows with the work)"""
    levels = {}
    for name, daemon in stack.daemons.items():
        levels.update(of_process(name, daemon.process.pid))
    levels.update(of_process("redis", stack.redis.process.pid))
    levels.update(of_postgres(stack.postgres))
    levels.update(of_redis(redis))
    levels["postgres connections"] = stack.postgres.rows(SESSIONS)[0]["sessions"]
    growing, others = of_tables(stack.postgres)
    levels.update(others)
    return levels, growing


def slack(name):
    """What may come and go by chance, by the end of the figure's name."""
    return next(size for end, size in SLACKS if name.endswith(end))
