"""The texts that a reader of a page sees."""

from html.parser import HTMLParser

#: What is written for programs, or as somebody typed it.
_VERBATIM = frozenset(("style", "code", "pre"))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.inside: list[str] = []
        self.texts: list[str] = []
        self.described: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _VERBATIM:
            self.inside.append(tag)
        self.described += [value or "" for name, value in attrs if name == "aria-label"]

    def handle_endtag(self, tag: str) -> None:
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        if not self.inside and data.strip():
            self.texts.append(" ".join(data.split(" ")).strip())


def texts_of(page: str) -> list[str]:
    """All texts outside code, and the descriptions of figures."""
    reader = _Reader()
    reader.feed(page)
    return reader.texts + reader.described
