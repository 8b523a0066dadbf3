"""What each part of Chronos may do in Redis, worked out from its sources.

A script runs with the rights of who calls it, so a daemon needs its own commands and those of the scripts that it
calls. Both are read from the sources; which keys a part may touch is a decision, and stands here.

    python3 ops/redis/acl.py            prints the rules of all users
    python3 ops/redis/acl.py --write    writes them to users.acl, which a test compares with the sources

users.acl has no passwords: set-passwords.sh adds them."""

import collections
import glob
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

# hiredis greets, kv_node.c and cluster.c ask; ASKING and CLUSTER SLOTS are written out as bytes there
CONNECTION = {"ping", "hello", "auth", "info", "select", "script|load", "evalsha", "asking", "cluster|slots"}
CONTAINERS = {"XGROUP", "XINFO", "SCRIPT", "CLUSTER", "CLIENT", "MEMORY", "OBJECT", "CONFIG"}
# words that kv_adds writes in capitals and that are options of the command before
OPTIONS = {"GROUP", "COUNT", "BLOCK", "STREAMS", "MAXLEN", "MINID", "NOACK", "GET", "XX", "NX", "PX", "EX"}

# `folders`: whose sources tell the commands. `keys`: as in ACL SETUSER; %R~ only reads, %W~ only writes. Redis goes through them for
# each command, also of a script: what is asked most stands first.
Role = collections.namedtuple("Role", "user says folders more keys")

ROLES = [
    Role("chronos-scheduler", "routes, fires timers, reaps, archives", ["engine", "scheduler"], set(),
         ["~{c*}*", "~chronos:*"]),
    Role("chronos-worker", "claims runs and commits their steps", ["engine", "worker"], set(),
         ["~{c*}*", "~chronos:functions", "~chronos:offers", "~chronos:service:*", "~chronos:worker:*",
          "%R~chronos:partitions"]),
    Role("chronos-console", "takes events over HTTP, shows and orders", ["engine", "console"], set(),
         ["~{c*}*", "~chronos:*"]),
    Role("chronos-producer", "puts events into the public door and reads nothing", None,
         {"ping", "hello", "auth", "xadd", "client|setname"}, ["%W~chronos:events"]),
    Role("chronos-metrics", "an exporter or autoscaler: sizes and ages, no contents", None,
         {"ping", "hello", "auth", "info", "client|setname", "xlen", "xpending", "xinfo|groups", "xinfo|stream",
          "xinfo|consumers", "zcard", "scard", "hlen", "dbsize", "slowlog|len", "latency|latest", "memory|usage"},
         ["%R~chronos:*", "%R~{c*}*"]),
    Role("chronos-operator", "people at redis-cli; replaces the user default, which is off", None, {"@all"},
         ["~*", "&*"]),
]


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def command(name, sub):
    return f"{name}|{sub}".lower() if name in CONTAINERS and sub else name.lower()


def commands_of_lua(name, root=ROOT):
    """Of a script of lua/ with what it takes in."""
    text = read(os.path.join(root, "lua", name + ".lua"))
    for include in re.findall(r"^--- include (\w+)", text, re.M):
        text += read(os.path.join(root, "lua", "include", include + ".lua"))
    text = re.sub(r"--.*", "", text)
    calls = re.findall(r"redis\.p?call\(\s*(?:'(\w+)'(?:,\s*'(\w+)')?)?", text)
    if any(not name for name, _ in calls):
        raise SystemExit(f"lua/{name}.lua calls a command whose name is not written out")
    return {command(*call) for call in calls}


def scripts(root=ROOT):
    return {os.path.basename(p)[:-4] for p in glob.glob(os.path.join(root, "lua", "*.lua"))}


def sources(folders, root=ROOT):
    return "\n".join(read(p) for folder in folders
                     for p in sorted(glob.glob(os.path.join(root, folder, "**", "*.c"), recursive=True))
                     if os.path.join("console", "ctl") not in p)  # a person's tool: chronos-operator


def commands_of_c(text):
    found = set()
    for name, sub in re.findall(r'kv_(?:cmd|cmd_at|pushf)\([^";]*"([A-Z]+)(?: ([A-Z]+))?', text):
        found.add(command(name, sub))
    for name, sub in re.findall(r'kv_adds\([^;"]*"([A-Z]+)"\);(?:\s*kv_adds\([^;"]*"([A-Z]+)"\))?', text):
        if name not in OPTIONS:
            found.add(command(name, sub))
    return found


def scripts_of_c(text, root=ROOT):
    """Any literal that is a script's name: some names travel through a variable."""
    return {name for name in re.findall(r'"([a-z]+(?:_[a-z]+)*)"', text) if name in scripts(root)}


def commands(role, root=ROOT):
    found = set(role.more)
    if role.folders is not None:
        text = sources(role.folders, root)
        found |= CONNECTION | commands_of_c(text)
        for script in scripts_of_c(text, root):
            found |= commands_of_lua(script, root)
    return found


def roles(root=ROOT):
    """Those whose sources are there."""
    return [r for r in ROLES if r.folders is None or all(os.path.isdir(os.path.join(root, f)) for f in r.folders)]


def rule(role, root=ROOT):
    """One line of an ACL file, without a password: nobody can log in by it yet."""
    allowed = " ".join("+" + c for c in sorted(commands(role, root)))
    return f"user {role.user} on resetpass resetkeys resetchannels {' '.join(role.keys)} -@all {allowed}"


def rules(root=ROOT):
    return ["user default off resetpass resetkeys resetchannels -@all"] + [rule(r, root) for r in roles(root)]


def main():
    text = "\n".join(rules()) + "\n"
    if sys.argv[1:] == ["--write"]:
        with open(os.path.join(HERE, "users.acl"), "w", encoding="utf-8") as f:
            f.write(text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
