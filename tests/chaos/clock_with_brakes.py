"""The clock as it runs, but each job comes every few seconds, and stands still while a file of its name is there.

    python -m tests.chaos.clock_with_brakes FOLDER SECONDS

A job that stands still is one whose thread hangs: nothing else of the process is touched. `worker` runs the worker.
"""

import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from scheduler.app import create_app
from scheduler.processes import clock_process, worker
from scheduler.processes.logs import set_up
from scheduler.services import signs_of_life


def main():
    folder, seconds = Path(sys.argv[1]), int(sys.argv[2])
    app = create_app()
    if "worker" in sys.argv[3:]:
        worker.LIFE_SECONDS = float(seconds)
        work_once = worker.work_once
        worker.work_once = lambda *given: (wait(folder / signs_of_life.WORKER), work_once(*given))[1]
        worker.run_worker(app)
        return
    set_up(app)
    out = clock_process.outbound(app)
    jobs = [
        replace(job, seconds=seconds, work=partial(braked, folder / job.name, job.work))
        for job in clock_process.clock_jobs(app, out)
    ]
    clock_process.run_jobs(app, out, jobs)


def braked(brake, work):
    wait(brake)
    return work()


def wait(brake):
    while brake.exists():
        time.sleep(0.1)


if __name__ == "__main__":
    main()
