"""A command that a signal ends at a given step: the nth call of a function, in a process of its own."""

import importlib
import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from helpers.scripts import ROOT, Answer


def killed_at(step, nth, script, *arguments, cwd, by=signal.SIGKILL):
    """Run a script until a step, and end it there.

    Args:
        step: of a function, `module:Class.name`, or `module:name`.
        nth: which of its calls is not made, from 1.
        script: at the top of the checkout.
        arguments: of the script.
        cwd: the working directory.
        by: the signal.
    """
    line = [sys.executable, __file__, step, str(nth), str(int(by)), str(ROOT / script), *arguments]
    done = subprocess.run(line, cwd=cwd, capture_output=True, encoding="utf-8", check=False)
    return Answer(done.returncode, done.stdout, done.stderr)


def _main(step, nth, by, script, *arguments):
    module, _, path = step.partition(":")
    *owners, name = path.split(".")
    owner = importlib.import_module(module)
    for each in owners:
        owner = getattr(owner, each)
    function, calls = getattr(owner, name), []

    def counted(*positional, **named):
        calls.append(name)
        if len(calls) == int(nth):
            os.kill(os.getpid(), int(by))
        return function(*positional, **named)

    setattr(owner, name, counted)
    sys.path.insert(0, str(Path(script).parent))
    sys.argv = [script, *arguments]
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    _main(*sys.argv[1:])
