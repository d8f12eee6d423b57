"""Does cost grow linearly in runs, with memory flat?

    python benchmarks/scale.py

Trains 15, 105 and 1,005 runs of plain training on digits-writers (short trainings), each count in
a process of its own, and prints seconds per run and the process's peak memory.
"""

from __future__ import annotations

import subprocess
import sys

STUDY = """
import resource, sys, time
import gengap as gg

count = int(sys.argv[1])
study = gg.Study(gg.load_suite("digits-writers"), ["erm"], seeds=count // 15, steps=60)
study.validate()
start = time.perf_counter()
study.run()
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(f"{count:5d} runs: {seconds / count:.3f} s a run, peak {peak:.2f} GiB")
"""

if __name__ == "__main__":
    for count in (15, 105, 1005):
        subprocess.run([sys.executable, "-c", STUDY, str(count)], check=True)
