"""One process of a training on several devices: `python -m libelle.models.rank FOLDER RANK RANKS THREADS`.

Its command (`libelle.models.devices`) starts it, and it ends when that does.
"""

import os
import sys
import time
from pathlib import Path
from threading import Thread
from typing import NoReturn

from libelle.logs import log_to_file, log_to_terminal


def main(folder: Path, rank: int, ranks: int, threads: int) -> None:
    """Take over the job and carry it out; the first rank writes the weights."""
    Thread(target=_end_with_the_command, daemon=True).start()
    log_to_terminal()  # before Lightning, which else shows its own messages
    # Importing them takes seconds.
    import torch

    from libelle.models.handover import ERROR, LOG, WEIGHTS, Failure, take_over

    torch.set_num_threads(threads)
    with log_to_file(folder / LOG.format(rank)):
        try:
            job, train, validation = take_over(folder)
            job.run(train, validation, rank, ranks)
            if rank == 0:
                torch.save(job.network.state_dict(), folder / WEIGHTS)
        except Exception as error:
            Failure(time.time(), error).write(folder / ERROR.format(rank))
            sys.exit(1)


def _end_with_the_command() -> NoReturn:
    """Nobody writes into standard input: it ends with the process that holds its other end."""
    os.read(0, 1)
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
