"""How this libelle is installed: where `conf/` and `data/` are, and how its commands are called.

A checkout (also one installed with `pip install -e .`) has `conf/`, `data/` and the scripts at its top. A wheel carries
both folders inside the package (`pyproject.toml`) and has no scripts.
"""

from pathlib import Path

_PACKAGE = Path(__file__).parent

#: The top of the checkout that holds this code; None where it was installed from a wheel.
CHECKOUT = None if (_PACKAGE / "conf").is_dir() else _PACKAGE.parents[1]

#: The config groups, and one page for each command.
CONF = (CHECKOUT or _PACKAGE) / "conf"

#: The data that come with libelle.
DATA = _PACKAGE / "shipped" if CHECKOUT is None else CHECKOUT / "data"

#: The two ways to call a command: a script at the top of a checkout, and the command `libelle`.
SCRIPT, INSTALLED = "python {}.py", "libelle {}"

_way = INSTALLED if CHECKOUT is None else SCRIPT


def how_to_call(command: str) -> str:
    """How a command is called, for sentences that propose one: `python train.py`, or `libelle train`."""
    return _way.format(command)


def call_as(way: str) -> str:
    """Propose commands this way from now on, the way that the user called, and return the way before."""
    global _way
    before, _way = _way, way
    return before
