"""A process that has everything imported, and forks a child for each command: killing one costs a second, not five.

A command is killed before its nth step, or after some seconds. A step is whatever changes files in its working
directory (opening to write, renaming, linking, removing, making folders, holding a folder), a request to a server, and
the answer to one.
"""

import http.client
import json
import os
import runpy
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_CHANGES = {"os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree", "shutil.copyfile"}


@dataclass(frozen=True)
class Ended:
    """A command that has ended.

    Attributes:
        returncode: as a shell would see it; negative where a signal ended it.
        stdout: what it printed.
        stderr: likewise.
        steps: that were begun; those of a command that was killed are not known.
        seconds: it took.
    """

    returncode: int
    stdout: str
    stderr: str
    steps: int
    seconds: float


class Warm:
    """The process, as a test sees it."""

    def __init__(self) -> None:
        line = [sys.executable, __file__]
        path = {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])}
        quiet = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
        self._process = subprocess.Popen(
            line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **path, **quiet}
        )

    def run(
        self,
        script: str,
        *arguments: str,
        cwd: Path,
        at: int | None = None,
        after: float | None = None,
        by: int = signal.SIGKILL,
    ) -> Ended:
        """Run a command in this environment.

        Args:
            script: at the top of the checkout.
            arguments: of the script.
            cwd: the working directory.
            at: before which step it is killed, from 1.
            after: how many seconds it is given.
            by: the signal.
        """
        environment = {name: value for name, value in os.environ.items() if name.startswith(("AWS_", "XDG_", "TMP"))}
        request = {"line": [str(ROOT / script), *arguments], "cwd": str(cwd), "environment": environment}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({**request, "at": at, "after": after, "by": int(by)}) + "\n")
        self._process.stdin.flush()
        return Ended(**json.loads(self._process.stdout.readline()))

    def stop(self) -> None:
        """End the process."""
        self._process.communicate("")


def without_drawing() -> None:
    """Leave the pages of runs empty but for the threshold: drawing takes longest, and touches no file."""
    from libelle.training import run_pages

    run_pages.make_report = lambda evidence: f"<p>{evidence.choice and evidence.choice['value']}</p>"  # type: ignore


def with_quick_workers() -> None:
    """Let workers that score be copies of their process, which take no time to start.

    The job goes through a pickle, as to a new process: a copy would share the connections to a server.
    """
    import pickle
    from multiprocessing import get_context

    from libelle.scoring import processes

    work = processes._work
    processes._START = get_context("fork")  # type: ignore[assignment]
    processes._work = lambda connection, job: work(connection, pickle.loads(pickle.dumps(job)))


def _serve() -> None:
    without_drawing()
    with_quick_workers()
    _warm_up()
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        print(json.dumps(asdict(_fork(json.loads(line)))), file=answers, flush=True)


def _warm_up() -> None:
    """Import, by doing each thing once, what commands import when they need it."""
    from helpers.scripts import call
    from helpers.tiny import make_forms

    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        before = dict(os.environ)
        os.environ.update({"XDG_STATE_HOME": name, "XDG_CACHE_HOME": name})
        make_forms().to_csv(place / "forms.csv", index=False)
        data = ["data=csv", "data.path=forms.csv", "data.id=form", "data.columns=employer,job,town"]
        lines = [
            ["train.py", "mode=prepare", *data, "data.target=label", "model=naive_bayes"],
            ["train.py", *data, "data.target=label", "model=naive_bayes"],
            ["threshold.py", "value=0.5"],
            ["runs.py", "clean"],
            ["runs.py", "sync"],
            ["publish.py", "list=true"],
        ]
        for script, *arguments in lines:
            assert call(script, *arguments, cwd=place).returncode == 0
        os.environ.clear()
        os.environ.update(before)
    import libelle.stores.minio  # noqa: F401


def _fork(request: dict) -> Ended:
    with tempfile.TemporaryDirectory() as name:
        for file in ("stdout", "stderr"):
            Path(name, file).touch()
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            _become(request, Path(name))
        if request["after"] is not None:
            watch = os.pidfd_open(child)
            if not select.select([watch], [], [], request["after"])[0]:
                os.kill(child, request["by"])
            os.close(watch)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said = [Path(name, file).read_text(errors="replace") for file in ("stdout", "stderr")]
        steps = Path(name, "steps")
        counted = int(steps.read_text()) if steps.exists() else 0
        return Ended(status, *said, counted, time.monotonic() - began)


def _become(request: dict, folder: Path) -> None:
    """Become the command, and end as it does."""
    os.setsid()
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT, 0o600), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    tempfile.tempdir = None
    os.chdir(request["cwd"])
    for name in [name for name in os.environ if name.startswith(("AWS_", "XDG_"))]:
        del os.environ[name]
    os.environ.update(request["environment"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    counted = _count_steps(request["cwd"], request["at"], request["by"])
    sys.argv = request["line"]
    try:
        runpy.run_path(request["line"][0], run_name="__main__")
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
        status = 1
    (folder / "steps").write_text(str(counted[0]))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _count_steps(place: str, at: int | None, by: int) -> list[int]:
    """Count steps from now on, and end this process before one of them; returns the count, which goes on."""
    lock, counted = threading.RLock(), [0]

    def step() -> None:
        with lock:
            counted[0] += 1
            if counted[0] == at:
                os.kill(os.getpid(), by)

    def hook(event: str, arguments: tuple) -> None:
        if event == "http.client.send" or event == "fcntl.flock":
            step()
        elif event in _CHANGES or (event == "open" and arguments[2] and arguments[2] & _WRITING):
            paths = [os.fsdecode(path) for path in arguments[:2] if isinstance(path, str | bytes)]
            if any(path.startswith(place) or not path.startswith("/") for path in paths):
                step()

    respond = http.client.HTTPConnection.getresponse

    def response(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
        answer = respond(connection)
        step()
        return answer

    http.client.HTTPConnection.getresponse = response  # type: ignore[method-assign]
    sys.addaudithook(hook)
    return counted


if __name__ == "__main__":
    _serve()
