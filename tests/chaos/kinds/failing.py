"""Steps that fail: each attempt is accounted for, and faults use none."""

from chaos.kinds.base import FAILED, Kind


class Flaky(Kind):
    """Fails as often as it is told, then does not."""
    event, function = "test/flaky", "test-flaky"

    def data(self):
        return {"creatorId": self.creator(), "until": self.dice.randint(1, 4)}

    def creator(self):
        return f"flaky-{self.dice.randrange(24)}"

    def steps(self, sent):
        return ["try", "after"]

    def failures(self, sent):
        return [("try", n) for n in range(1, sent.data["until"])]


class Exhausted(Flaky):
    """Fails more often than it may. Nobody handles that."""
    weight = 2

    def data(self):
        return {"creatorId": self.creator(), "until": 99}

    def runs(self, sent):
        return {self.function: (FAILED,)}

    def steps(self, sent):
        return []

    def failures(self, sent):
        return [("try", n) for n in range(1, 5)]


class Permanent(Kind):
    """Fails for good, and somebody handles it."""
    event, function = "test/permanent", "test-permanent"

    def data(self):
        how = self.dice.choice([None, None, "bytes", "nothing", "secret"])
        return {"creatorId": self.creator(), **({"how": how} if how else {})}

    def runs(self, sent):
        return {self.function: (FAILED,)}

    def steps(self, sent):
        return []

    def failures(self, sent):
        return [("fail", 1)]

    def handler(self, sent):
        return "test-handler"


class Embedding(Kind):
    """A real function, whose service answers with our key in its message."""
    event, function, weight = "video/transcription.completed", "generate-video-embeddings", 1
    TEXT = " ".join(f"Sentence number {n} says a little about bees." for n in range(30))

    def __init__(self, world, dice):
        super().__init__(world, dice)
        self.turn = 0

    def data(self):
        self.turn += 1
        return {**self.world.transcribed[self.turn % len(self.world.transcribed)], "transcript": self.TEXT}

    def runs(self, sent):
        return {self.function: (FAILED,)}

    def failures(self, sent):
        return [("generate-embeddings-0", 1)]

    def handler(self, sent):
        return "handle-embedding-failure"
