"""A process that has the program imported and forks what the tests ask for.

Importing the program takes two seconds of a core, forking a process that has it takes milliseconds. One nursery serves
all tests of a worker (tests/forked.py starts it). Each line on its standard input is a command, as JSON, which it
answers with a line: "tests.chaos.forked_programs.sender" calls that function with the rest. What still runs when its
standard input ends is killed.
"""

import atexit
import gc
import json
import os
import runpy
import signal
import sys
import traceback
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path

from sqlalchemy import Engine, event

PROGRAM = (
    "scheduler.api scheduler.app scheduler.feeds scheduler.fhir scheduler.patient_pages scheduler.web "
    "scheduler.processes.clock_process scheduler.processes.worker flask.cli tools.mail"
)
_children: dict[int, int | None] = {}
"""The status of each child, None while it runs."""


def main():
    for module in PROGRAM.split():
        import_module(module)
    for line in sys.stdin:
        gc.collect()
        gc.freeze()  # a child need not go through what is here already
        command = json.loads(line)
        module, _, name = command.pop("do").rpartition(".")
        answer = getattr(import_module(module), name)(**command)
        _bury()
        print(json.dumps(answer), flush=True)
    _bury()
    for child, status in _children.items():
        if status is None:
            os.kill(child, signal.SIGKILL)


def run(module, arguments, environ, log):
    """Fork what `python -m module arguments` does in an environment."""
    return fork(partial(_run, module, arguments, environ), log)


def status(child):
    """Return how a child ended, None while it runs."""
    _bury()
    return _children[child]


def fork(work, log):
    """Return the process id of a child that does the work, with its output in a log."""
    child = os.fork()
    if child:
        _children[child] = None
        return child
    code = 1
    try:
        _leave(log)
        work()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(Exception):
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def take(environ):
    """Be as a process of its own would be in this environment."""
    os.environ.clear()
    os.environ.update(environ)
    engines = sys.modules.get("tests.engines")  # a drill may have imported it
    if engines and event.contains(Engine, "connect", engines._need_not_survive):
        event.remove(Engine, "connect", engines._need_not_survive)


def _run(module, arguments, environ):
    take(environ)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _leave(log):
    """Replace the standard streams that this child shares with the nursery."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    with Path(log).open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def _bury():
    """Collect the children that have ended."""
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            _children[ended[0]] = os.waitstatus_to_exitcode(ended[1])


if __name__ == "__main__":
    import_module("tests.nursery").main()  # the module that others import, not a second one
