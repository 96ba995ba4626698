"""From a template and values to one HTML page that needs no other file."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from libelle import language
from libelle.errors import UserError
from libelle.evaluation.metric_names import metric_name
from libelle.files import whole_file
from libelle.reports import names
from libelle.runs.run import Run


def render(template: str, **values: Any) -> str:
    """Render a template of this package as a page in the current language; texts are escaped, `Markup` is not.

    Args:
        template: path in the package, `reports/sweep_report.html.j2` say; it extends `reports/base.html.j2`.
        **values: what the template names. A name that it uses and that is not given is an error. All may use
            the numbers of `libelle.language` and the names of `libelle.reports.names`.
    """
    environment = Environment(
        loader=PackageLoader("libelle", ""),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_callables(  # type: ignore[attr-defined]  # the extension adds it
        language.gettext, language.ngettext, newstyle=True, pgettext=language.pgettext
    )
    environment.globals |= {
        "language": language.current_language(),
        "count": language.count,
        "decimal": known(language.decimal),
        "signed": known(language.signed),
        "percent": known(language.percent),
        "general": language.general,
        "threshold_text": language.threshold_text,
        "metric_name": metric_name,
        **{
            name: getattr(names, name)
            for name in ("split_name", "split_records", "kind_name", "step_name", "status_name", "value_name")
        },
    }
    return environment.get_template(template).render(**values)


def known(written: Any) -> Any:
    """The same for numbers that may be missing or not defined: a dash stands for them."""

    def write(value: float | None, *arguments: Any) -> str:
        return "–" if value is None or value != value else str(written(value, *arguments))

    return write


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


def language_of(run: Run) -> str:
    """The language that a run's report was asked for in."""
    return str((run.read_config().get("report") or {}).get("language", language.ENGLISH))
