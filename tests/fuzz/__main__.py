"""python3 -m tests.fuzz [--seconds 60] [--only captions,url] [--seed N] (make fuzz)

The seconds are those of the whole search: the targets share them, as many at a time as there are processors. What is found
to be new is kept in build/fuzz/corpus, so that the next search goes on from there. Ends with 1 when a promise was broken;
the input is then in build/fuzz/findings and goes, mended, into tests/fuzz/corpus."""

import argparse
import os
import random
import re
import sys
from concurrent.futures import ThreadPoolExecutor

from . import targets


def parse():
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--only", default=",".join(targets.names()))
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1, 1 << 31))
    args = parser.parse_args()
    args.names = args.only.split(",")
    unknown = set(args.names) - set(targets.names())
    if unknown:
        parser.error(f"there is no target {', '.join(sorted(unknown))}; there are {', '.join(targets.names())}")
    return args


def search(name, seconds, seed):
    return targets.run(name, f"-max_total_time={seconds}", f"-seed={seed}", "-print_final_stats=1",
                       folders=[targets.found(name), targets.seeds(name)], timeout=seconds * 2 + 120)


def figure(pattern, output):
    found = re.findall(pattern, output)
    return int(found[-1]) if found else 0


def main():
    args = parse()
    jobs = os.cpu_count() or 1
    # at least two: libFuzzer takes 0 for endless
    seconds = max(2, round(args.seconds * min(jobs, len(args.names)) / len(args.names)))
    print(f"seed {args.seed}, {seconds} s for each of {len(args.names)} targets, {jobs} at a time")
    print(f"{'target':<12} {'executions':>12} {'per second':>12} {'edges':>8} {'kept':>6}")
    failed = []
    with ThreadPoolExecutor(jobs) as pool:
        for name, (ok, output) in zip(args.names, pool.map(lambda n: search(n, seconds, args.seed), args.names)):
            print(f"{name:<12} {figure(r'number_of_executed_units: *([0-9]+)', output):>12,} "
                  f"{figure(r'average_exec_per_sec: *([0-9]+)', output):>12,} {figure(r'cov: ([0-9]+)', output):>8,} "
                  f"{len(os.listdir(targets.found(name))):>6,}{'' if ok else '  FAILED'}", flush=True)
            if not ok:
                failed.append(name)
                print("\n".join(output.splitlines()[-60:]), file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
