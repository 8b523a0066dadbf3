"""The rule by which a soak says that something grows."""

import pytest

from bench import flat, gauges, mix, soak

MIB = 1 << 20


def test_what_stays_is_flat():
    values = [10 * MIB] * 20 + [30 * MIB + i % 7 * 1000 for i in range(80)]  # a start is no growth
    first, last, is_flat = flat.level(values, gauges.slack("worker rss"))
    assert is_flat and abs(first - last) < 10000


def test_a_leak_is_not_flat():
    """Of memory, twelve bytes an event at a thousand events a second, over ten minutes."""
    leak = [20 * MIB + 12 * 1000 * 4 * i for i in range(150)]
    assert not flat.level(leak, gauges.slack("worker rss"))[2]
    assert not flat.level([100 + i // 5 for i in range(150)], gauges.slack("worker fds"))[2]
    assert not flat.level([1000 + 10 * i for i in range(150)], gauges.slack("redis keys"))[2]


def test_what_comes_and_goes_counts_for_nothing():
    values = [100] * 50 + [100000, 100, 5000, 70000, 3000] * 10
    assert flat.level(values, 0)[2]


def test_what_grows_with_the_work_grows_by_the_same():
    events = list(range(0, 100000, 1000))
    assert flat.share([300 * n for n in events], events, gauges.SHARE_SLACK) == (300, 300, True)
    assert not flat.share([n * n // 1000 for n in events], events, gauges.SHARE_SLACK)[2]


def test_a_leap_at_the_end_is_not_the_growth():
    """A table takes room for what is to come."""
    events = list(range(0, 100000, 1000))
    assert flat.share([300 * n for n in events[:-1]] + [300 * events[-1] + 10 * MIB], events, gauges.SHARE_SLACK)[2]


def test_a_figure_that_a_sample_lacks_is_no_zero():
    whole = [{"worker rss": 1, "scheduler rss": 2}] * 2
    assert flat.series(whole) == {"worker rss": [1, 1], "scheduler rss": [2, 2]}
    for gap in ([*whole, {"worker rss": 1}], [{"worker rss": 1}, *whole]):
        with pytest.raises(RuntimeError, match="no scheduler rss"):
            flat.series(gap)


def test_a_visitor_that_never_came_can_be_sent_home():
    soak.Visitor("http://127.0.0.1:1").end()


def test_too_few_samples_are_no_answer():
    with pytest.raises(RuntimeError, match="too few"):
        flat.level([1, 2, 3, 4], 0)


def test_the_load_is_the_mixture_that_it_is_said_to_be():
    names = [mix.event(i)[0] for i in range(mix.COLLECT_EVERY)]
    assert names.count("test/noop") == mix.NOOP_SHARE * len(names)
    assert len(set(names)) == 10
    waited = {mix.event(i)[1]["key"] for i in range(5000) if mix.event(i)[0] == "test/waiter"}
    sent = {mix.event(i)[1]["key"] for i in range(mix.WAKE_AFTER + 200, 5000) if mix.event(i)[0] == "test/go"}
    assert sent <= waited
