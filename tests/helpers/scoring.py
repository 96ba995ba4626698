"""Scoring into a folder of parts: workers that a test can do without, and what the parts hold."""

import hashlib
import os
import signal
from pathlib import Path

import pandas as pd

from libelle.scoring import folder, processes
from libelle.scoring.engines import Losses, attempt
from libelle.scoring.shard import ShardScorer
from libelle.stores.base import Store


def score_here(job, shards, workers, advance):
    """An engine without workers: a process of its own takes seconds to start."""
    scorer, losses = ShardScorer(job), Losses(job)
    for shard in shards:
        yield losses.take(shard, attempt(scorer, shard, advance))


def without_workers(patch):
    patch.setattr(folder, "_engine", lambda name: score_here)


def parts(output: Path) -> dict[str, str]:
    """Name → SHA-256 of each part."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(output.glob("part-*.parquet"))}


def bytes_in(store: Store, prefix: str) -> dict[str, bytes]:
    """Name → content of what lies below a prefix."""
    keys = sorted(entry.key for entry in store.list(prefix))
    return {key.rpartition("/")[2]: store.get(key) for key in keys}


def filled(server, place: Path) -> Store:
    """A new bucket with a folder of forms and the model; its attribute `place` are the arguments that reach it."""
    store = server.store()
    store.check()
    for number in range(4):
        store.put_file(f"forms/{number}.csv", place / "forms" / f"{number}.csv")
    for path in (place / "store").rglob("*"):
        if path.is_file():
            store.put_file(path.relative_to(place / "store").as_posix(), path)
    store.place = [
        "store=minio",
        "store.secure=false",
        f"store.endpoint={store.endpoint}",
        f"store.bucket={store.bucket}",
    ]
    return store


def answers_in(output: Path) -> pd.DataFrame:
    """All answers, part by part."""
    return pd.concat([pd.read_parquet(path) for path in sorted(output.glob("part-*.parquet"))], ignore_index=True)


class Dying:
    """What workers do who die of the first shards, as if they were killed; what has died is counted in a folder."""

    def __init__(self, folder: Path, times: int) -> None:
        self.folder, self.times = folder, times

    def __call__(self, connection, job) -> None:
        if len(list(self.folder.iterdir())) < self.times:
            connection.recv()
            (self.folder / str(os.getpid())).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        _work(connection, job)


_work = processes._work
