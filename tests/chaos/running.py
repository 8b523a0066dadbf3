"""What ran at the same time, by what the steps wrote down themselves.

A step runs from its line "start" to its line "end" or "cancelled", or to the death of its process. A process that is
stopped does not run, and a step that it goes on with afterwards is nobody's any more: its run may have been given to
another worker. So a step is taken as ended where its process was stopped; what it did after that, and what began before the
process can have noticed, is told separately."""

import collections

END = ("end", "cancelled")
NOTICE_S = 0.7  # that a worker may take to notice that it was frozen for too long
SHORT_S = 0.8  # that it may be frozen and lose nothing
Interval = collections.namedtuple("Interval", "begin end run function pid")
Zombie = collections.namedtuple("Zombie", "run function pid slept woke seconds how")


def life_of(lives, h):
    """The incarnation that wrote a line; pids are used again."""
    for life in lives.get(h.pid, ()):
        if life.born - 5 <= h.at and (life.gone is None or h.at <= life.gone):
            return life
    return None


def find_intervals(happenings, lives, functions):
    """(intervals, zombies) of the functions, which write both lines."""
    by_pid = collections.defaultdict(list)
    for life in lives:
        by_pid[life.pid].append(life)
    open_at, intervals, zombies = {}, [], []

    def close(key, at, how):
        life, begin = open_at.pop(key)
        pauses = life.pauses if life else []
        stopped = [p for p in pauses if begin < p[0] < at or
                   p[0] <= begin < p[1] + (NOTICE_S if p[1] - p[0] > SHORT_S else 0)]
        if stopped:
            slept, woke = stopped[0][0], max(begin, stopped[-1][1])
            zombies.append(Zombie(key[1], key[2], key[0], slept, woke, at - woke, how))
            at = slept
        if begin < at:
            intervals.append(Interval(begin, at, key[1], key[2], key[0]))

    for h in happenings:
        key = (h.pid, h.run, h.function)
        if h.function not in functions or h.what not in ("start", *END):
            continue
        if key in open_at:
            close(key, h.at, h.what)
        if h.what == "start":
            open_at[key] = (life_of(by_pid, h), h.at)
    for key in list(open_at):
        life = open_at[key][0]
        close(key, life.gone if life and life.gone else float("inf"), "death")
    return intervals, zombies


def most_at_once(intervals):
    """(most runs, when). A run that runs twice counts once."""
    moments = sorted([(i.begin, 1, i.run) for i in intervals] + [(i.end, 0, i.run) for i in intervals])
    running, most, when = collections.Counter(), 0, None
    for at, begins, run in moments:
        running[run] += 1 if begins else -1
        if not running[run]:
            del running[run]
        if len(running) > most:
            most, when = len(running), at
    return most, when


def late_zombies(happenings, zombies, most_s):
    """Those that went on although another worker had begun with their run."""
    starts = collections.defaultdict(list)
    for h in happenings:
        if h.what == "start":
            starts[h.run].append(h)
    for z in zombies:
        others = [h for h in starts[z.run] if h.pid != z.pid and z.slept < h.at < z.woke]
        if others and z.seconds > most_s:
            yield z
