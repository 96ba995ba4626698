"""The command `serve`: the prediction service."""

import os

from omegaconf import DictConfig

from libelle.cli.command import plain_errors, values_and_store
from libelle.components import validate
from libelle.errors import UserError, needs_extra
from libelle.service.settings import Settings


def serve(config: DictConfig) -> None:
    """Run the command on a composed config."""
    # Libraries begin threads when they are first used; a process that has some cannot be forked safely.
    os.environ["OMP_NUM_THREADS"] = "1"
    with plain_errors():
        values, store = values_and_store(config)
        settings = validate(Settings, values, "")
        if not hasattr(os, "fork"):
            raise UserError("The service needs a system with fork, as Linux is; run it there, or in a container.")
        with needs_extra("The service", "service"):
            from libelle.service import supervisor

        supervisor.serve(store, settings)
