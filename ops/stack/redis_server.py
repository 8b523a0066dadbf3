"""A private Redis with the settings Chronos asks for: nothing is evicted, an append-only file is written.

It has the users of ops/redis/users.acl, and daemons come as theirs. Unlike in real life the user default may do
everything: people and tests look at and break things by it."""

import os
import shutil
import socket
import subprocess

from .process import Process
from .waiting import StackError, free_port, tail, wait_until

SETTINGS = {
    "bind": "127.0.0.1",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    "maxmemory": "1gb",
    "maxmemory-policy": "noeviction",
    "stream-node-max-entries": "50",
    "auto-aof-rewrite-min-size": "256mb",
    "daemonize": "no",
    "logfile": "",
}


USERS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "redis", "users.acl")


def password_of(user):
    """No secret: the server listens on 127.0.0.1 only, and its user default needs none."""
    return "password-of-" + user


def users():
    """The lines of an ACL file."""
    lines = ["user default on nopass ~* &* +@all"]
    with open(USERS, encoding="utf-8") as f:
        for line in f.read().splitlines():
            name = line.split()[1]
            if name != "default":
                lines.append(line.replace(" resetpass ", f" >{password_of(name)} ", 1))
    return "\n".join(lines) + "\n"


def url_as(url, role):
    """The address with the login of a daemon: scheduler, worker, console."""
    user = "chronos-" + role
    return url.replace("redis://", f"redis://{user}:{password_of(user)}@", 1)


class RedisServer:
    """`settings` adds to or overrides SETTINGS, by the names of redis.conf."""

    def __init__(self, state, folder, name="redis", settings=None):
        self.state = state
        self.name = name
        self.dir = os.path.join(folder, name)
        self.settings = {**SETTINGS, **(settings or {})}
        self.process = Process(state, folder, name)

    @property
    def processes(self):
        return [self.process]

    def data_folders(self):
        """Where the append-only files are."""
        return [os.path.join(self.dir, "appendonlydir")]

    @property
    def port(self):
        return self.state.get(self.name, {}).get("port")

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def start(self):
        """Starts it and waits until it answers. A restart keeps port and data."""
        os.makedirs(self.dir, exist_ok=True)
        with open(os.path.join(self.dir, "users.acl"), "w", encoding="utf-8") as f:
            f.write(users())
        program = shutil.which("redis-server")
        if program is None:
            raise StackError("redis-server is not installed (ops/install-deps.sh demo)")
        for _ in range(5):
            fixed = self.port
            port = fixed or free_port()
            self.process.start([program, *self.arguments(port)],
                               env=dict(os.environ))
            if self.wait_ready(port):
                self.state.put(self.name, {"port": port, "url": f"redis://127.0.0.1:{port}"})
                return self
            why = tail(self.process.log, 10, self.process.log_start)
            self.process.stop()
            if fixed or "bind" not in why:
                break
        raise StackError(f"redis-server did not start\n{why}")

    def arguments(self, port):
        settings = {**self.settings, "port": str(port), "dir": self.dir,
                    "aclfile": os.path.join(self.dir, "users.acl")}
        return [word for key, value in settings.items() for word in ("--" + key, str(value))]

    def wait_ready(self, port):
        """False when it ended. Its pid is compared: the port may have been taken by somebody else's server."""
        wait_until(lambda: not self.process.is_running() or self.answering_pid(port) == self.process.pid,
                   60, "redis-server to answer", logs=[self.process.log])
        return self.process.is_running()

    @staticmethod
    def answering_pid(port):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=2) as s:
                s.sendall(b"PING\r\nINFO server\r\nQUIT\r\n")
                text = b""
                while chunk := s.recv(65536):
                    text += chunk
        except OSError:
            return None
        if not text.startswith(b"+PONG"):
            return None  # still reading its file
        for line in text.splitlines():
            if line.startswith(b"process_id:"):
                return int(line[len(b"process_id:"):])
        return None

    def cli_command(self, *arguments):
        return ["redis-cli", "-p", str(self.port), *arguments]

    def cli(self, *arguments):
        """Runs redis-cli; its output without the last newline. An error reply is a StackError."""
        done = subprocess.run(self.cli_command("-e", *arguments), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise StackError(f"redis-cli {arguments[0]}: {(done.stdout + done.stderr).strip()}")
        return done.stdout.rstrip("\n")

    def stop(self):
        return self.process.stop()

    def kill(self):
        self.process.kill()

    def restart(self):
        self.stop()
        return self.start()
