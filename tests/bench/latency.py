"""From XADD to the first instruction of the step: the producer stamps the event, the step stamps its result, with the
same clock."""

import multiprocessing
import time

from .bench import event_data
from .processes import CpuMeter
from .resp import Resp, xadd

SAMPLES, PER_SECOND = 1000, 100
TICK_S = 0.002  # the background producer sends this often

LATENCIES = """
select (r.output->>'started_us')::bigint - (e.data->>'sentUs')::bigint as us
from chronos.runs r join chronos.events e on e.id = r.event_id
where r.function_id = 'test-stamp'"""


def send_stamps(redis, samples):
    begin = time.monotonic()
    for i in range(samples):
        time.sleep(max(0.0, begin + i / PER_SECOND - time.monotonic()))
        redis.call("XADD", "chronos:events", "*", "name", "test/stamp", "data",
                   event_data(i, sentUs=time.time_ns() // 1000))


def produce(port, rate, stop, sent):
    """Sends test/noop at `rate` until told to stop."""
    redis = Resp(port)
    commands = [xadd("test/noop", event_data(i)) for i in range(5000)]
    begin, count = time.monotonic(), 0
    while not stop.is_set():
        due = int((time.monotonic() - begin) * rate) - count
        at = count % len(commands)
        part = commands[at:at + due]
        if part:
            redis.xadd_all(part)
            count += len(part)
        time.sleep(TICK_S)
    sent.value = count
    redis.close()


def percentiles(values):
    values = sorted(values)
    return {f"p{p}": values[min(len(values) - 1, len(values) * p // 100)] / 1000 for p in (50, 95, 99)}


def measure(bench, background_rate=0.0, samples=SAMPLES):
    """Milliseconds, and how many cores other programs kept busy. With a rate, test/noop is sent meanwhile."""
    bench.forget_history()
    meter, begin = CpuMeter(bench.stack), time.monotonic()
    bench.start_daemons(wait=True)
    time.sleep(1)  # the start's own work is over
    if background_rate > 0:
        context = multiprocessing.get_context("fork")
        stop, sent = context.Event(), context.Value("q", 0)
        producer = context.Process(target=produce, args=(bench.stack.redis.port, background_rate, stop, sent))
        producer.start()
        time.sleep(0.5)
    send_stamps(bench.redis, samples)
    if background_rate > 0:
        stop.set()
        producer.join()
        bench.wait_archived("test-noop", sent.value)
    bench.wait_archived("test-stamp", samples)
    _, others = meter.read(bench.scheduler, bench.worker)
    others /= time.monotonic() - begin
    bench.stop_daemons()
    figures = percentiles([r["us"] for r in bench.stack.postgres.rows(LATENCIES)])
    return {**figures, "others_cores": round(others, 2)}
