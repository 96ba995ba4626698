"""A request that is not answered as asked: what the client is told, and what the log is."""

import traceback


class RefusalError(Exception):
    """What a client is told instead of an answer.

    Attributes:
        status: of HTTP.
        sentence: for people; it never holds a text of a record.
        headers: of the answer.
    """

    def __init__(self, status: int, sentence: str, **headers: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def where(error: BaseException) -> str:
    """An error's class and where it was raised, without its text, which may hold a record's."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    return f"{type(error).__name__} at " + " > ".join(
        f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames
    )
