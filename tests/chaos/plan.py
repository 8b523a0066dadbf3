"""What goes wrong, and when: decided by the seed alone, before anything starts, so that a seed repeats it.

Faults are dealt like cards: each comes as often as its weight before any comes more often. Faults on different targets
overlap; one target has one fault at a time."""

import collections

Strike = collections.namedtuple("Strike", "at fault target seconds")

GAP = (0.1, 0.8)  # seconds between the beginnings of two faults
REST = 0.3  # seconds that a target is left alone after a fault
BREATHER_EVERY, BREATHER = 25.0, 5.0  # so that a long run does not only pile up work


class Deck:
    def __init__(self, dice, weights):
        self.dice = dice
        self.weights = weights
        self.cards = []

    def deal(self):
        if not self.cards:
            self.cards = [card for card, n in self.weights.items() for _ in range(n)]
            self.dice.shuffle(self.cards)
        return self.cards.pop()


def make_plan(dice, seconds, faults):
    """Strikes in the order of their beginnings. A fault has `name`, `weight`, `targets` and `span` (the least and the
    most seconds it lasts)."""
    deck = Deck(dice, {f: f.weight for f in faults})
    free_at = collections.defaultdict(float)
    plan, at, breather_at = [], dice.uniform(*GAP), BREATHER_EVERY
    while at < seconds:
        if at >= breather_at:
            at += BREATHER
            breather_at = at + BREATHER_EVERY
            continue
        fault = deck.deal()
        free = [t for t in fault.targets if free_at[t] <= at]
        if free:
            target, lasts = dice.choice(free), dice.uniform(*fault.span)
            plan.append(Strike(round(at, 3), fault, target, round(lasts, 3)))
            free_at[target] = at + lasts + REST
        at += dice.uniform(*GAP)
    return plan
