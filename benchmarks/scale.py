"""Does cost grow linearly in runs, with memory flat?

    python benchmarks/scale.py

Trains 10, 100 and 1,000 runs of plain training on digits-writers (short trainings), each count in
a process of its own, and prints seconds per run and the process's peak memory.
"""

from __future__ import annotations

import subprocess
import sys

STUDY = """
import resource, sys, time
import gengap as gg
from gengap.study.execution import _fleets, _fleet_size
from gengap.training.chunks import chunks
from gengap.records import Store

count = int(sys.argv[1])
study = gg.Study(gg.load_suite("digits-writers"), ["erm"], seeds=-(-count // 15), steps=60)
entry, = study.entries
runs = study.plan["erm"][:count]
store = Store("sqlite://")
store.add_problem(study.problem)
start = time.perf_counter()
pieces = chunks(runs, _fleet_size(study, entry, runs[0][1].slots))
_fleets(study, store, entry, pieces, lambda done, doing: None)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(f"{count:5d} runs: {seconds / count:.3f} s a run, {len(pieces)} fleets, peak {peak:.2f} GiB")
"""

if __name__ == "__main__":
    for count in (10, 100, 1000):
        subprocess.run([sys.executable, "-c", STUDY, str(count)], check=True)
