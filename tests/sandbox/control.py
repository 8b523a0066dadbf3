"""control.py: /_sandbox/, how tests and demos steer the sandbox and see what was asked of it."""
from classes import CLASSES
from library import SOURCES
from mux import asset_id
from wire import BadRequest, as_int, json_response


class Control:
    max_body = 1 << 20

    def __init__(self, sandbox):
        self.sandbox = sandbox

    def handle(self, request):
        name, number = (request.segments + [""])[:2]
        action = getattr(self, f"{request.method.lower()}_{name}", None)
        if name not in ("health", "library", "faults", "classes", "requests", "reset") or action is None:
            return self.error(404, f"no {request.method} /_sandbox/{name}")
        return action(request, number)

    def error(self, status, message=""):
        return json_response({"error": message or f"HTTP {status}"}, status)

    def get_health(self, request, _):
        videos = len(self.sandbox.library.videos)
        return json_response({"status": "ok", "videos": videos, "ffmpeg": self.sandbox.media.has_ffmpeg})

    def get_library(self, request, _):
        source = request.query.get("source")
        if source and source not in SOURCES:
            raise BadRequest(f"source must be one of {', '.join(SOURCES)}")
        return json_response([v for v in self.sandbox.library.listing() if source in (None, v["source"])])

    def post_library(self, request, _):
        """{"id": …, "state": …}: from now on that video is in that state."""
        change = request.json_object()
        key, state = change.get("id"), change.get("state")
        if not isinstance(key, str) or not isinstance(state, str):
            raise BadRequest("id and state must be strings")
        if not self.sandbox.library.set_state(key, state):
            raise BadRequest("no video has this id", 404)
        return json_response({"id": key, "state": state})

    def get_faults(self, request, _):
        return json_response(self.sandbox.faults.list())

    def post_faults(self, request, _):
        return json_response(self.sandbox.faults.add(request.json_object()).describe(), 201)

    def get_classes(self, request, _):
        """Every kind of answer of the real services that can be played, by name."""
        return json_response(sorted(CLASSES))

    def post_classes(self, request, _):
        """{"name": …, "about"?: a video's id, "times"?}: plays that kind of answer. Gives the fault it became."""
        wanted = request.json_object()
        name, about = wanted.get("name"), wanted.get("about", "")
        if name not in CLASSES:
            raise BadRequest(f"no class is called {name!r}; GET /_sandbox/classes lists them", 404)
        if not isinstance(about, str):
            raise BadRequest("about must be a string")
        spec = {**CLASSES[name], "about": self.names_of(about)}
        if "times" in wanted:
            spec["times"] = wanted["times"]
        return json_response(self.sandbox.faults.add(spec).describe(), 201)

    def names_of(self, key):
        """Under which names requests speak of that video: a Mux asset has an id of its own, a lesson holds a video."""
        if not key:
            return []
        library = self.sandbox.library
        lesson, film = library.find("whop", key), library.find("mux", key)
        if lesson is not None and lesson.options.get("mux_playback_id"):
            return [key, lesson.options["mux_playback_id"]]
        return [key] if film is None else [key, asset_id(film)]

    def delete_faults(self, request, number):
        return json_response({"cleared": self.sandbox.faults.clear(as_int(number) if number else None)})

    def get_requests(self, request, _):
        wanted = request.query
        if not wanted.get("since", "0").isdecimal():
            raise BadRequest("since must be the id of a request")
        return json_response(self.sandbox.log.list(wanted))

    def delete_requests(self, request, _):
        self.sandbox.log.clear()
        return json_response({"cleared": True})

    def post_reset(self, request, _):
        self.sandbox.reset()
        return json_response({"reset": True})
