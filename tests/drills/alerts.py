"""A Prometheus that scrapes every second and keeps the alerts of ops/prometheus, in a copy in which time runs faster: what
an alert waits for, the windows it looks back over and the time for which news are new are seconds. Its figures and other
thresholds are those of operation."""

import os
import re

from ops.stack import wait_until
from ops.stack.prometheus_server import PrometheusServer

FOR = "1s"
NEWS_S = 30
WINDOWS = {"m": "10s", "h": "20s", "d": "20s"}  # by the unit of the one in operation; half an hour counts as hours


def shorten(text):
    """The rules with every `for`, every window and offset of minutes and more, and every age of a minute and more that is news,
    made short."""
    text = re.sub(r"^( +for): .*$", rf"\1: {FOR}", text, flags=re.MULTILINE)
    text = text.replace("[30m]", "[1h]").replace("offset 30m", "offset 1h")
    text = re.sub(r"(\[|offset )\d+([mhd])", lambda m: m[1] + WINDOWS[m[2]], text)
    return re.sub(r"(time\(\) - .* <) \d+$", rf"\1 {NEWS_S}", text, flags=re.MULTILINE)


class Alerts(PrometheusServer):
    def __init__(self, stack):
        super().__init__(stack.state, stack.folder, interval="1s")

    def configure(self, targets):
        super().configure(targets)
        for name in os.listdir(self.dir):
            if name.endswith(".rules.yml"):
                path = os.path.join(self.dir, name)
                with open(path, encoding="utf-8") as f:
                    text = shorten(f.read())
                with open(path, "w", encoding="utf-8") as f:
                    f.write(text)

    def firing(self):
        return {a["labels"]["alertname"] for a in self.api("alerts")["alerts"] if a["state"] == "firing"}

    def ever_fired(self, name):
        return bool(self.query(f'max_over_time(ALERTS{{alertname="{name}", alertstate="firing"}}[1h])'))

    def wait_firing(self, name, deadline=90):
        wait_until(lambda: name in self.firing(), deadline, f"{name} to fire", interval=0.5, logs=[],
                   seen=lambda: f"firing: {sorted(self.firing())}")

    def wait_fired(self, name, deadline=90):
        """Also when it is over already."""
        wait_until(lambda: self.ever_fired(name), deadline, f"{name} to fire", interval=0.5, logs=[],
                   seen=lambda: f"firing: {sorted(self.firing())}")

    def wait_clear(self, name, deadline=90):
        wait_until(lambda: name not in self.firing(), deadline, f"{name} to clear", interval=0.5, logs=[])
