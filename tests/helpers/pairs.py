"""What goes with what, enumerated from the conf folder."""

from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from helpers.scripts import CONF
from libelle.components import build
from libelle.models.base import Model
from libelle.processes.base import Process
from libelle.processes.union import choose_parts
from libelle.training.pairings import refusal


def options(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def composed(*overrides: str) -> dict[str, Any]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = OmegaConf.to_container(compose("train", overrides=list(overrides)), resolve=True)
    assert isinstance(config, dict)
    return {str(key): value for key, value in config.items()}


def usual_process(model: str) -> str:
    """The process that comes with a model."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", overrides=[f"model={model}"], return_hydra_config=True)
    return str(config.hydra.runtime.choices.process)


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
    """The table of docs/models.md."""
    pairs, models = allowed(), options("model")
    usual = {model: usual_process(model) for model in models}
    lines = [f"| model | {' | '.join(options('process'))} |", f"|---|{'---|' * len(options('process'))}"]
    for model in models:
        cells = [
            "default" if usual[model] == process else "yes" if pairs[process, model] else ""
            for process in options("process")
        ]
        lines.append(f"| `{model}` | {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |"))
    return "\n".join(lines)
