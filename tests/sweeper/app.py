"""A small Hydra application to sweep over, run in a process of its own by the tests that kill it."""

import os
import signal
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config: DictConfig) -> float:
    job = HydraConfig.get().job.num
    # In a worker process of joblib it is the parent, the sweeper, that dies with it.
    if str(job) in os.environ.get("KILL_AT", "").split(","):
        if os.environ.get("KILL_PARENT"):
            os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
    if str(config.n) == os.environ.get("KILL_N"):
        os.kill(os.getpid(), signal.SIGKILL)
    if str(config.n) in os.environ.get("HOLD_N", "").split(","):
        hold(Path(HydraConfig.get().sweep.dir))
    return float((config.x - 0.3) ** 2 + config.n)


def hold(folder: Path) -> None:
    """Go on once the sweep folder has so many files of a pattern; fail where that does not come about."""
    deadline = time.monotonic() + 100
    while len(list(folder.glob(os.environ["HOLD_UNTIL"]))) < int(os.environ.get("HOLD_COUNT", "1")):
        if time.monotonic() > deadline:
            raise TimeoutError("nothing came")
        time.sleep(0.05)


if __name__ == "__main__":
    main()
