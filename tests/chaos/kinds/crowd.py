"""Who waits for whom."""

from chaos.kinds.base import Kind, order


class Limited(Kind):
    """Few at a time."""
    event, function, weight = "test/limited", "test-limited", 6

    def make(self):
        creator = self.dice.choice(["l-1", "l-2", "l:$"])
        return [order(self.event, {"creatorId": creator, "ms": self.dice.randint(10, 80)})
                for _ in range(self.dice.randint(1, 5))]

    def steps(self, sent):
        return ["nap"]


class Keyed(Kind):
    """Three at a time per creator, and one per room, whoever is in it."""
    event, function = "test/keyed", "test-keyed"

    def data(self):
        return {**super().data(), "room": self.dice.choice(["red", "blue", "a:$2"])}

    def steps(self, sent):
        return ["nap"]


class Urgent(Kind):
    """One at a time per creator; some go before others."""
    event, function, weight = "test/priority", "test-priority", 2

    def data(self):
        return {**super().data(), "priority": self.dice.choice([-60, 0, 60])}

    def steps(self, sent):
        return ["nap"]


class Whale(Kind):
    """A creator with a queue that never ends."""
    event, function, weight = "test/crowd", "test-crowd", 6
    CREATOR = "whale"
    QUEUE, AT_ONCE = 150, 40

    def make(self):
        missing = self.QUEUE - self.world.outstanding(self.CREATOR)
        return [order(self.event, {"creatorId": self.CREATOR, "ms": self.dice.randint(100, 200)})
                for _ in range(min(missing, self.AT_ONCE))]

    def steps(self, sent):
        return ["nap"]


class Minnow(Kind):
    """A creator who comes once."""
    event, function, weight = "test/crowd", "test-crowd", 3

    def creator(self):
        return f"minnow-{self.world.tag()}"

    def steps(self, sent):
        return ["nap"]
