"""The command `publish`: publish a run, go back to the version before, or list what is published."""

import logging
from dataclasses import dataclass

from omegaconf import DictConfig

from libelle import publication
from libelle.cli import terminal_tables
from libelle.cli.command import plain_errors, typed_overrides, values_and_store
from libelle.components import Component, Positive, Share, validate
from libelle.errors import UserError
from libelle.published import not_there, overview, signed
from libelle.runs.ids import RunId
from libelle.runs.run import Run

log = logging.getLogger(__name__)

#: What people type to switch something on or off: no reason to publish a worse model.
_NO_REASONS = frozenset(["", "true", "false", "yes", "no", "on", "off", "1", "0"])


@dataclass(kw_only=True)
class PublishRequest(Component):
    """The nodes of `conf/publish.yaml`, `store` apart.

    Attributes:
        run_id: the run to publish.
        name: of the published model; the name of the run's data where left out; of the list, the one to show.
        threshold: of a binary decision; the one chosen for the run where left out.
        sign: file of the private key that signs what is published, PEM.
        min_records: training records that must hold any word, n-gram or text of the model, at least; any number where
            left out.
        force: why the run is to be published though it is worse than the current version.
        rollback: whether to make the version before the current one current again.
        list: whether to list what is published.
    """

    run_id: str | None = None
    name: str | None = None
    threshold: Share | None = None
    sign: str | None = None
    min_records: Positive | None = None
    force: str | None = None
    rollback: bool = False
    list: bool = False

    def __post_init__(self) -> None:
        if sum((self.run_id is not None, self.rollback, self.list)) != 1:
            raise UserError("Say what to do: run_id=... to publish, name=... rollback=true to go back, or list=true.")
        if self.rollback and self.name is None:
            raise UserError("rollback=true needs name=, the published model to roll back.")
        self._check_keys()
        if self.force is not None:
            self.force = " ".join(self.force.split())
            _check_reason(self.force, self.run_id)

    def _check_keys(self) -> None:
        """Raise `UserError` for a key that would have no effect: somebody may rely on it."""
        asked = "rollback=true" if self.rollback else "list=true"
        for key in ("threshold", "sign", "min_records") if self.run_id is None else ():
            if getattr(self, key) is not None:
                raise UserError(
                    f"{key}={getattr(self, key)} is for run_id=, and {asked} publishes nothing new; leave it out."
                )


def _check_reason(force: str, run_id: str | None) -> None:
    if run_id is None:
        raise UserError(f"force={force} is for run_id=, which the gate may hold back; leave it out.")
    if force.lower() in _NO_REASONS:
        raise UserError(
            f"force={force} says no reason, and the reason is kept with what is published; say why a worse model is to "
            f'be published, as in force="the old one reads a field that is gone", or leave it out.'
        )


def publish(config: DictConfig) -> None:
    """Run the command on a composed config."""
    with plain_errors():
        values, store = values_and_store(config)
        request = validate(PublishRequest, values, "")
        store.check()
        if request.list:
            found = overview(store)
            if request.name is not None:
                if request.name not in found:
                    raise not_there(store, f"name={request.name}")
                found = {request.name: found[request.name]}
            terminal_tables.print_published(
                found, signed(store, [item for _, items in found.values() for item in items])
            )
            if not found:  # not on stdout, where programs read
                log.info("nothing is published in %s", store)
        elif request.rollback:
            published = publication.rollback(store, str(request.name))
            terminal_tables.print_publication(store, published, typed_overrides())
        else:
            # Importing scikit-learn and jinja2 takes a second, and nothing else needs them.
            from libelle.gate import examine

            run = Run.open(store, RunId.parse(str(request.run_id)))
            name = (run.manifest.data or "model") if request.name is None else request.name
            published = publication.publish(
                store,
                run,
                name,
                request.threshold,
                request.sign,
                request.min_records,
                examine=lambda rule: examine(store, run, name, rule, request.force),
            )
            terminal_tables.print_gate(store, published)
            terminal_tables.print_publication(store, published, typed_overrides())
