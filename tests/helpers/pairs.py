"""Which options go together, found from the conf folder; `make pairings` prints it."""

from functools import cache
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from helpers.scripts import CONF
from libelle.components import build
from libelle.models.base import Model
from libelle.processes.base import Process
from libelle.processes.union import choose_parts
from libelle.training.pairings import refusal


def options(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def composed(*overrides: str) -> dict[str, Any]:
    """A config of one's own, as `train.py overrides` composes it."""
    config = OmegaConf.to_container(_composed(*overrides), resolve=True)
    assert isinstance(config, dict)
    return {str(key): value for key, value in config.items() if key != "hydra"}


@cache
def _composed(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", overrides=list(overrides), return_hydra_config=True)
    config.hydra = {"runtime": {"choices": config.hydra.runtime.choices}}
    return config


def usual_process(model: str) -> str:
    """The process that comes with a model."""
    return str(_composed(f"model={model}").hydra.runtime.choices.process)


@cache
def allowed() -> dict[tuple[str, str], bool]:
    """(process, model) → whether they go together."""
    processes = {
        name: build(choose_parts(composed(f"process={name}")["process"]), Process, "process")
        for name in options("process")
    }
    models = {name: build(composed(f"model={name}")["model"], Model, "model") for name in options("model")}
    return {
        (process, model): refusal(processes[process], models[model]) is None
        for process in processes
        for model in models
    }


def table() -> str:
    """Models and processes in Markdown: `default` is the process that comes with the model."""
    pairs, processes = allowed(), options("process")
    lines = [f"| model | {' | '.join(processes)} |", f"|---|{'---|' * len(processes)}"]
    for model in options("model"):
        usual = usual_process(model)
        cells = ["default" if usual == process else "yes" * pairs[process, model] for process in processes]
        lines.append(f"| `{model}` | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
