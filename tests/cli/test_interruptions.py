"""A signal ends a command in a sentence, whatever it interrupts."""

import pytest

from libelle.cli.command import command
from libelle.errors import Terminated


@pytest.mark.parametrize(("interruption", "status"), [(Terminated, 143), (KeyboardInterrupt, 130)])
def test_a_signal_that_a_library_stumbles_over_is_still_seen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], interruption: type[BaseException], status: int
) -> None:
    def main() -> None:
        try:
            raise interruption
        finally:
            raise AttributeError("half made")

    monkeypatch.setattr("sys.argv", ["runs.py"])
    with pytest.raises(SystemExit) as ended:
        command(main)
    assert ended.value.code == status
    assert capsys.readouterr().err.startswith("Interrupted")


def test_a_defect_of_ours_is_still_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def main() -> None:
        raise AttributeError("ours")

    monkeypatch.setattr("sys.argv", ["runs.py"])
    with pytest.raises(AttributeError, match="ours"):
        command(main)
