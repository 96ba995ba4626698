"""The command `publish`: publish a run, go back to the version before, or list what is published."""

from omegaconf import DictConfig

from libelle import publication
from libelle.cli import terminal_tables
from libelle.cli.command import plain_errors, typed_overrides, values_and_store
from libelle.components import validate
from libelle.runs.ids import RunId
from libelle.runs.run import Run


def publish(config: DictConfig) -> None:
    """Run the command on a composed config."""
    with plain_errors():
        values, store = values_and_store(config)
        request = validate(publication.PublishRequest, values, "")
        store.check()
        if request.list:
            terminal_tables.print_published(publication.overview(store))
        elif request.rollback:
            published = publication.rollback(store, str(request.name))
            terminal_tables.print_publication(store, published, typed_overrides())
        else:
            run = Run.open(store, RunId.parse(str(request.run_id)))
            name = request.name or run.manifest.data or "model"
            published = publication.publish(store, run, name, request.threshold)
            terminal_tables.print_publication(store, published, typed_overrides())
