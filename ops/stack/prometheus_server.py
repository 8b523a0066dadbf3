"""A private Prometheus that scrapes the daemons of a stack, with the rules of ops/prometheus."""

import json
import os
import shutil
import urllib.error
import urllib.parse
import urllib.request

from .process import Process
from .waiting import StackError, free_port, tail, wait_until

TEMPLATE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "prometheus")


class PrometheusServer:
    """`interval` is how often it scrapes and evaluates, in Prometheus' own notation."""

    def __init__(self, state, folder, name="prometheus", interval="15s"):
        self.state = state
        self.name = name
        self.dir = os.path.join(folder, name)
        self.interval = interval
        self.process = Process(state, folder, name)

    @property
    def url(self):
        return self.state.get(self.name, {}).get("url")

    def configure(self, targets):
        """Writes prometheus.yml. `targets` is kind of daemon -> {name: host:port}, the kind being the job."""
        os.makedirs(self.dir, exist_ok=True)
        with open(os.path.join(TEMPLATE, "prometheus.yml"), encoding="utf-8") as f:
            text = f.read()
        text = text.replace("interval: 15s", f"interval: {self.interval}")
        for kind in ("scheduler", "worker", "console"):
            found = [{"targets": [address], "labels": {"instance": name}}
                     for name, address in targets.get(kind, {}).items()]
            path = os.path.join(self.dir, kind + ".json")
            with open(path, "w", encoding="utf-8") as f:
                json.dump(found, f)
            text = text.replace(f"targets/{kind}.json", path)
        for name in os.listdir(TEMPLATE):
            if name.endswith(".rules.yml"):
                shutil.copy(os.path.join(TEMPLATE, name), self.dir)
        with open(os.path.join(self.dir, "prometheus.yml"), "w", encoding="utf-8") as f:
            f.write(text)

    def start(self, targets):
        program = shutil.which("prometheus")
        if program is None:
            raise StackError("prometheus is not installed (ops/install-deps.sh test)")
        self.configure(targets)
        for _ in range(5):
            port = free_port()
            self.process.start([program, f"--config.file={self.dir}/prometheus.yml",
                                f"--storage.tsdb.path={self.dir}/data", "--storage.tsdb.retention.time=2d",
                                f"--web.listen-address=127.0.0.1:{port}"], env=dict(os.environ))
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: not self.process.is_running() or self.answers(url), 60, "prometheus to be ready",
                       logs=[self.process.log], interval=0.1)
            if self.process.is_running():
                self.state.put(self.name, {"port": port, "url": url})
                return self
            why = tail(self.process.log, 10, self.process.log_start)
            self.process.stop()
            if "address already in use" not in why:
                break
        raise StackError(f"prometheus did not start\n{why}")

    @staticmethod
    def fetch(url):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=30) as answer:
            return answer.read().decode()

    def answers(self, url):
        try:
            self.fetch(url + "/-/ready")
            return True
        except OSError:
            return False

    def api(self, path, **parameters):
        """The data of an answer; an error of Prometheus is a StackError."""
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            return json.loads(self.fetch(url))["data"]
        except urllib.error.HTTPError as e:
            raise StackError(f"{parameters}: {json.loads(e.read()).get('error')}") from None

    def query(self, expression):
        """[{"metric": …, "value": […]}] of an instant query."""
        return self.api("query", query=expression)["result"]

    def stop(self):
        return self.process.stop()
