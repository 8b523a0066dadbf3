"""A real Redis Cluster: three primaries with a replica each, on free ports of 127.0.0.1.

It answers to what a RedisServer answers to (start, stop, kill, restart, url, cli) for all its nodes together, and knows
which node serves a key, so that a test can kill just that one."""

import collections
import subprocess

from .redis_server import RedisServer
from .waiting import StackError, free_port, wait_until

PRIMARIES = 3
NODES = 6
CLUSTER_SETTINGS = {
    "cluster-enabled": "yes",
    "cluster-node-timeout": "2000",  # a primary that is silent for longer is replaced
    "repl-diskless-sync-delay": "0",
    "cluster-replica-validity-factor": "0",
    # in one folder with the data, so that a restart keeps the place in the cluster
    "cluster-config-file": "nodes.conf",
}

# as CLUSTER NODES has them; slots: [(first, last), …]
Member = collections.namedtuple("Member", "id port flags primary_id is_linked slots")


class ClusterNode(RedisServer):
    def arguments(self, port):
        bus = self.state.get(self.name, {}).get("bus_port") or free_port()
        self.bus_port = bus
        return [*super().arguments(port), "--cluster-port", str(bus)]

    def start(self):
        super().start()
        self.state.put(self.name, {**self.state.get(self.name), "bus_port": self.bus_port})
        return self


class RedisCluster:
    def __init__(self, state, folder, name="redis", settings=None):
        self.state = state
        self.name = name
        self.nodes = [ClusterNode(state, folder, f"{name}-{i + 1}", {**CLUSTER_SETTINGS, **(settings or {})})
                      for i in range(NODES)]

    @property
    def url(self):
        """Every node as a seed; None before the first start."""
        if self.nodes[0].port is None:
            return None
        return "redis://" + ",".join(f"127.0.0.1:{n.port}" for n in self.nodes)

    @property
    def processes(self):
        return [n.process for n in self.nodes]

    def data_folders(self):
        return [folder for n in self.nodes for folder in n.data_folders()]

    # ---- starting and ending ----
    def start(self):
        """Starts every node that does not run, and waits until all is well. The first time it makes the cluster."""
        for node in self.nodes:
            if not node.process.is_running():
                node.start()
        if not self.state.get(self.name + "-cluster"):
            self.create()
        self.wait_well()
        return self

    def create(self):
        addresses = [f"127.0.0.1:{n.port}" for n in self.nodes]
        done = subprocess.run(["redis-cli", "--cluster", "create", *addresses, "--cluster-replicas", "1",
                               "--cluster-yes"], capture_output=True, text=True, check=False, timeout=60)
        if done.returncode != 0:
            raise StackError("the cluster could not be made\n" + (done.stdout + done.stderr)[-2000:])
        self.state.put(self.name + "-cluster", {"url": self.url})

    def stop(self):
        for node in self.nodes:
            node.stop()

    def kill(self):
        for node in self.nodes:
            node.kill()

    def restart(self):
        self.stop()
        return self.start()

    # ---- looking ----
    def running(self):
        return [n for n in self.nodes if n.process.is_running()]

    def members(self, node=None):
        """What a node (any that runs) knows of the cluster."""
        found = []
        for line in (node or self.running()[0]).cli("cluster", "nodes").splitlines():
            words = line.split()
            slots = [tuple(int(n) for n in (w.split("-") * 2)[:2]) for w in words[8:] if not w.startswith("[")]
            found.append(Member(words[0], int(words[1].split("@")[0].rpartition(":")[2]), words[2].split(","),
                                words[3], words[7] == "connected", slots))
        return found

    def node_at(self, port):
        return next(n for n in self.nodes if n.port == port)

    def primaries(self):
        return [self.node_at(m.port) for m in self.members() if m.slots and "fail" not in m.flags]

    def slot_of(self, key):
        return int(self.running()[0].cli("cluster", "keyslot", key))

    def owner(self, key):
        """The node that serves a key; a partition is named by its prefix, as in owner("{c0}")."""
        slot = self.slot_of(key)
        for m in self.members():
            if any(first <= slot <= last for first, last in m.slots):
                return self.node_at(m.port)
        raise StackError(f"no node serves slot {slot}")

    def id_of(self, node):
        return next(m.id for m in self.members(node) if "myself" in m.flags)

    def replica_of(self, node):
        own = self.id_of(node)
        return next(self.node_at(m.port) for m in self.members(node) if m.primary_id == own)

    def is_well(self):
        """Every node sees every slot served by somebody, and every primary has a replica that follows it."""
        if len(self.running()) < NODES:
            return False
        for node in self.nodes:
            if "cluster_state:ok" not in node.cli("cluster", "info"):
                return False
            members = self.members(node)
            served = sum(last - first + 1 for m in members for first, last in m.slots)
            bad = [m for m in members if not m.is_linked or {"fail", "fail?", "handshake"} & set(m.flags)]
            if len(members) != NODES or served != 16384 or bad:
                return False
            replication = node.cli("info", "replication")
            follows = "master_link_status:up" in replication and "master_sync_in_progress:0" in replication
            if "role:slave" in replication and not follows:
                return False
        followed = {m.primary_id for m in self.members() if "slave" in m.flags}
        return followed == {m.id for m in self.members() if m.slots}

    def wait_well(self, deadline=60):
        def well():
            try:
                return self.is_well()
            except StackError:
                return False

        wait_until(well, deadline, "the cluster to be well", logs=[p.log for p in self.processes], interval=0.1)

    # ---- moving a slot ----
    def open_slot(self, slot, source, target):
        """Begins to move it: from now on each of the two has some of its keys."""
        target.cli("cluster", "setslot", str(slot), "importing", self.id_of(source))
        source.cli("cluster", "setslot", str(slot), "migrating", self.id_of(target))

    @staticmethod
    def move_keys(slot, source, target, most=1 << 30):
        """Moves keys of an open slot, at most so many; how many there were."""
        moved = 0
        while moved < most:
            keys = source.cli("cluster", "getkeysinslot", str(slot), str(min(10, most - moved))).splitlines()
            if not keys:
                break
            source.cli("migrate", "127.0.0.1", str(target.port), "", "0", "5000", "keys", *keys)
            moved += len(keys)
        return moved

    def close_slot(self, slot, source, target):
        """All its keys are moved: it is the other's now."""
        target_id = self.id_of(target)
        for node in (target, source, *[n for n in self.primaries() if n not in (source, target)]):
            node.cli("cluster", "setslot", str(slot), "node", target_id)

    def errors(self, code):
        """How many error replies of that code the running nodes have given."""
        total = 0
        for node in self.running():
            for line in node.cli("info", "errorstats").splitlines():
                if line.startswith(f"errorstat_{code}:count="):
                    total += int(line.split("=")[1])
        return total

    # ---- asking ----
    def cli(self, *arguments):
        """Runs a command on the node that its key belongs to."""
        return self.running()[0].cli("-c", *arguments)

    def renew(self):
        """All nodes up, nothing in them, the settings they began with: as for a new test."""
        self.start()
        for node in self.nodes:
            for setting in ("appendonly", "maxmemory", "maxmemory-policy"):
                node.cli("config", "set", setting, node.settings[setting])
        for node in self.primaries():
            node.cli("flushall")
        return self
