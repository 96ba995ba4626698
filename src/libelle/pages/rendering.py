"""From a template and values to one HTML page that needs no other file."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def render(template: str, **values: Any) -> str:
    """The page that a template of this package makes of some values; texts are escaped, `Markup` is not.

    Args:
        template: path in the package, `tuning/report.html.j2` say; it extends `pages/base.html.j2`.
        **values: what the template names. A name that it uses and that is not given is an error.
    """
    environment = Environment(
        loader=PackageLoader("libelle", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(values)
