"""A replica and a Sentinel that watches its primary through a link that can be cut.

The cut leaves the primary with the daemons on one side, the replica and Sentinel on the other: the primary lives on and must
stop taking work by itself, which min-replicas-to-write makes it do."""

import os
import shutil

import redis

from chaos.proxy import Proxy
from ops.stack import StackError, wait_until
from ops.stack.process import Process
from ops.stack.redis_server import RedisServer
from ops.stack.waiting import free_port

MASTER = "chronos"
DOWN_MS = 2000
MAX_LAG_S = 2  # for which the primary goes on without word from its replica
CONFIGURATION = """port {port}
bind 127.0.0.1
dir {folder}
logfile ""
sentinel monitor {master} 127.0.0.1 {primary} 1
sentinel down-after-milliseconds {master} {down_ms}
sentinel failover-timeout {master} 10000
"""


class Sentinel:
    def __init__(self, stack, seed):
        self.stack, self.primary = stack, stack.redis
        self.link = Proxy(self.primary.url, f"{seed}-sentinel")
        self.replica = RedisServer(stack.state, stack.folder, "redis-replica", self.primary.settings)
        self.process = Process(stack.state, stack.folder, "redis-sentinel")
        self.client = None

    @staticmethod
    def client_of(server):
        return redis.Redis.from_url(server.url, decode_responses=True, socket_timeout=10)

    def start(self):
        """Returns when the replica has all, and Sentinel knows of it."""
        self.replica.start()
        self.client_of(self.replica).slaveof("127.0.0.1", self.link.port)
        wait_until(lambda: self.client_of(self.replica).info("replication")["master_link_status"] == "up", 30,
                   "the replica to have all", logs=[])
        for setting, value in (("min-replicas-max-lag", MAX_LAG_S), ("min-replicas-to-write", 1)):
            self.client_of(self.primary).config_set(setting, value)
        folder = os.path.join(self.stack.folder, "sentinel")
        os.makedirs(folder)
        path, port = os.path.join(folder, "sentinel.conf"), free_port()
        with open(path, "w", encoding="utf-8") as f:
            f.write(CONFIGURATION.format(port=port, folder=folder, master=MASTER, primary=self.link.port, down_ms=DOWN_MS))
        program = shutil.which("redis-server")  # the same program as redis-sentinel
        if program is None:
            raise StackError("redis-server is not installed (ops/install-deps.sh demo)")
        self.process.start([program, path, "--sentinel"], env=dict(os.environ))
        self.client = redis.Redis(port=port, decode_responses=True, socket_timeout=10)
        wait_until(self.knows_replica, 40, "Sentinel to know the replica", logs=[self.process.log])
        return self

    def knows_replica(self):
        try:
            return len(self.client.sentinel_slaves(MASTER)) == 1
        except redis.exceptions.ConnectionError:
            return False

    def address(self):
        """What Sentinel tells a client that asks for the primary: its port."""
        return int(self.client.sentinel_get_master_addr_by_name(MASTER)[1])

    def cut(self):
        self.link.silent = True

    def wait_promoted(self):
        wait_until(lambda: self.address() == self.replica.port, 60, "Sentinel to promote the replica", logs=[self.process.log])
        wait_until(lambda: self.client_of(self.replica).info("replication")["role"] == "master", 20, "the replica's new role",
                   logs=[])

    def mend(self):
        self.link.calm()

    def wait_demoted(self):
        """The old primary follows the new one, and has given up what it had beyond it."""
        def follows():
            try:
                told = self.client_of(self.primary).info("replication")
            except redis.exceptions.ConnectionError:
                return False  # Sentinel cuts all connections when it demotes
            return told["role"] == "slave" and told["master_link_status"] == "up"

        wait_until(follows, 60, "the old primary to follow", logs=[self.process.log])

    def stop(self):
        """Before the stack is: what ends first must not be taken for a failure by the others."""
        self.process.stop()
        self.link.stop()
