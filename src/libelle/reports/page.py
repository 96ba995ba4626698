"""From a template and values to one HTML page that needs no other file."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from libelle.errors import UserError
from libelle.files import whole_file
from libelle.installation import how_to_call


def render(template: str, **values: Any) -> str:
    """Render a template of this package as a page; texts are escaped, `Markup` is not.

    Args:
        template: path in the package, `reports/sweep_report.html.j2` say; it extends `reports/base.html.j2`.
        **values: what the template names. A name that it uses and that is not given is an error.
            All may use `how_to_call`, since they propose commands.
    """
    environment = Environment(
        loader=PackageLoader("libelle", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(how_to_call=how_to_call, **values)


def write_page(page: str, path: Path, name: str) -> None:
    """Write a page, whole or not at all; `name` is what a refusal calls its place.

    Raises:
        UserError: when it cannot be written there.
    """
    try:
        with whole_file(path) as temporary:
            temporary.write_text(page, encoding="utf-8")
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{name} cannot be written ({reason}); choose another output=.") from error
