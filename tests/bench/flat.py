"""Says whether a figure stayed where it was while the same load went on.

The first fifth of the time is warm-up. Of the rest the last third is compared with the first; no clock of the machine takes part.
Of each third of a level counts what its lowest tenth does not pass: what is in hand comes and goes with the machine's other
work, but a leak lifts the bottom, too. It is flat when it has grown by no more than a twentieth and a slack that is the
figure's own. What grows with the work by its nature, such as history, is flat when it grows by the same for each event: by no
more than a tenth more in the last third than in the first. That is measured from the middle of a third's first half to the
middle of its second, since a table grows by leaps."""

from statistics import median

WARM_UP = 0.2
BOTTOM = 0.1
LEVEL_GROWTH, SHARE_GROWTH = 0.05, 0.1


def thirds(samples):
    """The first and the last third of what is left behind the warm-up."""
    rest = samples[int(len(samples) * WARM_UP):]
    size = len(rest) // 3
    if size < 2:
        raise RuntimeError(f"{len(samples)} samples are too few to be judged")
    return rest[:size], rest[-size:]


def series(samples):
    """{figure: its values}. One that a sample lacks cannot be judged: what it belongs to was not there."""
    names = dict.fromkeys(name for sample in samples for name in sample)
    gaps = [name for name in names if any(name not in sample for sample in samples)]
    if gaps:
        raise RuntimeError(f"some samples have no {', '.join(gaps)}")
    return {name: [sample[name] for sample in samples] for name in names}


def level(values, slack):
    """(first, last, is it flat?)"""
    first, last = (sorted(part)[int(len(part) * BOTTOM)] for part in thirds(values))
    return first, last, last <= first * (1 + LEVEL_GROWTH) + slack


def share(values, events, slack):
    """The same of what is added per event; `events` are those that were sent until each value was read."""
    def per_event(part, sent):
        half = len(part) // 2

        def grown(numbers):
            return median(numbers[-half:]) - median(numbers[:half])

        return grown(part) / max(1, grown(sent))

    first, last = (per_event(*part) for part in zip(thirds(values), thirds(events)))
    return first, last, last <= first * (1 + SHARE_GROWTH) + slack
