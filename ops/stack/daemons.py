"""The sandbox that plays YouTube, Loom, Mux, Supabase Storage and OpenAI, and the daemons of Chronos."""

import json
import os
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from .process import Process
from .waiting import StackError, wait_until

# What a caller's environment says about services must not leak into a private stack.
SETTINGS = ("CHRONOS_", "INNGEST_", "MUX_", "SUPABASE_", "OPENAI_", "OTEL_", "PG")

READY = r'\bmsg"?[=:]"?ready"?(\s|,|}|$)'


def clean_environment():
    return {k: v for k, v in os.environ.items() if not k.startswith(SETTINGS)}


def http_json(method, url, body=None, timeout=10):
    """The JSON answer of one request to the sandbox."""
    request = urllib.request.Request(url, method=method)
    data = None
    if body is not None:
        data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    # a proxy of the caller's environment is not for 127.0.0.1
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, data, timeout=timeout) as answer:
            text = answer.read()
    except (urllib.error.URLError, OSError) as e:
        raise StackError(f"{method} {url}: {e}") from None
    return json.loads(text) if text.strip() else None


class Sandbox:
    def __init__(self, state, folder, repository, name="sandbox"):
        self.state = state
        self.name = name
        self.repository = repository
        self.port_file = os.path.join(folder, name + ".port")
        self.process = Process(state, folder, name, grace=5.0)

    @property
    def url(self):
        return self.state.get(self.name, {}).get("url")

    def start(self):
        server = os.path.join(self.repository, "tests", "sandbox", "server.py")
        if not os.path.exists(server):
            raise StackError(f"{server} is missing")
        known = self.state.get(self.name, {}).get("port", 0)
        if os.path.exists(self.port_file):
            os.unlink(self.port_file)
        self.process.start(["/usr/bin/python3", server, "--port", str(known), "--port-file", self.port_file],
                           env=clean_environment(), cwd=self.repository)
        port = wait_until(self.read_port, 20, "the sandbox to listen", logs=[self.process.log])
        self.state.put(self.name, {"port": port, "url": f"http://127.0.0.1:{port}"})
        return self

    def read_port(self):
        if not self.process.is_running():
            raise StackError("the sandbox ended at its start\n" + self.process.log_text()[-2000:])
        try:
            with open(self.port_file, encoding="utf-8") as f:
                return int(f.read())
        except (OSError, ValueError):
            return None

    def get(self, path):
        return http_json("GET", self.url + path)

    def post(self, path, body=None):
        return http_json("POST", self.url + path, body if body is not None else {})

    def delete(self, path):
        return http_json("DELETE", self.url + path)

    def reset(self):
        """Forgets faults and recorded requests."""
        self.post("/_sandbox/reset")

    def library(self):
        """The videos it knows: [{"source", "title", the id under its column's name, "state", "question", …}]"""
        return self.get("/_sandbox/library")

    def video(self, source, state="ok"):
        """Its first video of a source that is in that state."""
        for video in self.library():
            if (video["source"], video["state"]) == (source, state):
                return video
        raise StackError(f"the sandbox has no video of the source {source} in the state {state}")

    def set_state(self, video_id, state):
        """From now on the video with this id (of YouTube, Loom, …) is private, gone, …"""
        return self.post("/_sandbox/library", {"id": video_id, "state": state})

    def add_fault(self, match, **what):
        """Requests whose method and path match go wrong: add_fault("POST /openai", status=429, times=2),
        kind="reset", "truncate", "garbage", "empty", "delay" or "slow" with delay_ms."""
        return self.post("/_sandbox/faults", {"match": match, **what})

    def clear_faults(self):
        return self.delete("/_sandbox/faults")

    def play(self, name, **more):
        """From now on the answer of that class: about=a video's id, times=n."""
        return self.post("/_sandbox/classes", {"name": name, **more})

    def requests(self, **query):
        """What it was asked, oldest first."""
        return self.get("/_sandbox/requests" + ("?" + urllib.parse.urlencode(query) if query else ""))

    def stop(self):
        return self.process.stop()


def provider_environment(sandbox_url):
    """Points every outside service to its part of the sandbox. The keys are dummies."""
    return {
        "CHRONOS_YOUTUBE_URL": sandbox_url + "/youtube",
        "CHRONOS_LOOM_URL": sandbox_url + "/loom",
        "MUX_BASE_URL": sandbox_url + "/mux",
        "CHRONOS_MUX_STREAM_URL": sandbox_url + "/mux-stream",
        "MUX_TOKEN_ID": "sandbox-token-id",
        "MUX_TOKEN_SECRET": "sandbox-token-secret",
        "WHOP_BASE_URL": sandbox_url + "/whop",
        "WHOP_API_KEY": "sandbox-whop-key",
        "SUPABASE_URL": sandbox_url,
        "SUPABASE_SERVICE_ROLE_KEY": "sandbox-service-role-key",
        "OPENAI_BASE_URL": sandbox_url + "/openai/v1",
        "OPENAI_API_KEY": "sandbox-openai-key",
    }


class Daemon:
    """chronos-scheduler or chronos-worker. `environment` is all it gets beside the caller's own, harmless part."""

    def __init__(self, state, folder, program, name, environment):
        self.program = program
        self.environment = environment
        self.name = name
        # a worker may take its whole grace to finish what it runs
        self.process = Process(state, folder, name, grace=40.0)

    def start(self, deadline=30.0, wait=True):
        if not os.access(self.program, os.X_OK):
            raise StackError(f"{self.program} is not built (make)")
        self.process.start([self.program], env={**clean_environment(), **self.environment})
        if wait:
            self.wait_ready(deadline)
        return self

    def wait_ready(self, deadline=30.0):
        self.process.wait_for_log(READY, deadline)

    def run(self, *arguments, timeout=60):
        """Runs the program once with arguments, e.g. --embed; its standard output."""
        try:
            done = subprocess.run([self.program, *arguments], env={**clean_environment(), **self.environment},
                                  capture_output=True, text=True, check=False, timeout=timeout)
        except (OSError, subprocess.TimeoutExpired) as e:
            raise StackError(f"{self.program} {arguments[0]}: {e}") from None
        if done.returncode != 0:
            raise StackError(f"{self.program} {arguments[0]}: {done.stderr.strip()[-1000:]}")
        return done.stdout.strip()

    def stop(self):
        return self.process.stop()

    def kill(self):
        self.process.kill()

    def pause(self):
        self.process.pause()

    def resume(self):
        self.process.resume()

    def restart(self, **options):
        self.stop()
        return self.start(**options)

    def log_contains(self, pattern):
        return self.process.log_contains(pattern)
