"""Running the commands as people call them: scripts at the top of a checkout, and `libelle`."""

import contextlib
import io
import os
import runpy
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from hydra.core.singleton import Singleton

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"


@dataclass
class Answer:
    returncode: int
    stdout: str
    stderr: str


def call(script, *arguments, cwd, stdin=""):
    """Run a script as `python script arguments` would, in this process: importing torch each time takes long."""
    path = str(ROOT / script)
    return _call(lambda: runpy.run_path(path, run_name="__main__"), [path, *arguments], cwd, stdin)


def call_libelle(*arguments, cwd, stdin=""):
    """Run `python -m libelle arguments`, in this process too."""
    return _call(lambda: runpy.run_module("libelle", run_name="__main__"), ["libelle", *arguments], cwd, stdin)


def _call(run, arguments, cwd, stdin):
    out, err = io.StringIO(), io.StringIO()
    before = Path.cwd(), sys.argv, sys.stdin, Singleton.get_state()
    os.chdir(cwd)
    sys.argv = arguments
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin.encode()))
    status = 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            run()
    except SystemExit as end:
        status = end.code or 0
    finally:
        os.chdir(before[0])
        sys.argv, sys.stdin = before[1:3]
        Singleton.set_state(before[3])
    return Answer(status, out.getvalue(), err.getvalue())


def start(script, *arguments, cwd, **environment):
    """Run a script in a process of its own, where that is the point."""
    return subprocess.Popen(
        [sys.executable, str(ROOT / script), *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, **environment},
        # A shell's background jobs ignore Ctrl-C, and so would their children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
