"""Where a password can stand in what people type: commands and configs are kept with each run, and so would it be."""

import re
from urllib.parse import unquote

#: Where the password of a database is read from, any. PostgreSQL's own PGPASSWORD and password file work as well.
PASSWORD_VARIABLE = "LIBELLE_SQL_PASSWORD"

_NAMES = (
    r"pass(word|wd|wort|phrase|code)?|pwd|secret|token|credentials?|(api|access|account|private|secret|shared)[_-]?key"
)
#: A name of a key, a URL's parameter or a connection's option: `sslpassword`, `hf_token`.
_NAME = re.compile(rf"([\w.-]*[_.-]|ssl|user|db|proxy)?({_NAMES})", re.IGNORECASE)
#: In a URL, `//user:password@`, which `//host:5432/` is not.
_USER = re.compile(r"://[^:/@\s]*:(?!\d+(/|$))[^@\s]+@")
#: `name=` with a value, as a URL's parameters and the options of a connection have it: `?sslpassword=x`, `;PWD=x`.
_OPTION = re.compile(r"(?:^|[?&;,\s'\"({])(?P<name>[\w.-]+)\s*=>?\s*(?P<value>[^\s&;,)}])")
#: The same as a dictionary of a config has it.
_ENTRY = re.compile(r"[{,]\s*['\"]?(?P<name>[\w.-]+)['\"]?\s*:\s*[^\s,}]")
#: What SQL has without `=`: `OPTIONS (user 'clerk', password 'x')`, `IDENTIFIED BY 'x'`.
_LITERAL = re.compile(rf"\b({_NAMES}|identified\s+by)\s+'[^']", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Whether a key's name says that its value is a secret."""
    return _NAME.fullmatch(name) is not None


def holds_password(key: str, value: str) -> bool:
    """Whether the value of a key holds a password.

    Args:
        key: dotted, as `data.url`.
        value: as typed; what is percent-encoded in it counts, too.
    """
    text = unquote(unquote(value))
    if "://" in text and _USER.search(text):
        return True
    names = [match["name"] for match in _ENTRY.finditer(text)] if text.startswith("{") else []
    if key == "data.query":  # outside a literal, a condition on a column
        connections = "".join(literal for literal in re.findall(r"'[^']*'", text) if _OPTION.search(literal))
        names += [match["name"] for match in _OPTION.finditer(connections)]
        return any(map(is_secret_name, names)) or _LITERAL.search(text) is not None
    if "://" in text or key in ("data.url", "store.endpoint"):
        names += [match["name"] for match in _OPTION.finditer(text)]
    return any(map(is_secret_name, names))


def instead(key: str) -> str:
    """What to do with the password that the value of a key holds."""
    if key == "data.url":
        return f"leave it out, and set {PASSWORD_VARIABLE} in the environment"
    if key == "data.query":
        return "leave it out, and let the database keep it, as in a view"
    return "leave it out and set it in the environment"
