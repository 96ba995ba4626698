"""A run's file of messages, where its disk takes no more."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from libelle.errors import UserError
from libelle.logs import log_to_file

#: Opens as a file, and every write to it says that the disk is full.
FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="the system has no such device")
def test_a_log_that_cannot_be_written_is_said_once_and_hides_no_other_sentence(caplog, capsys):
    def work():
        with log_to_file(FULL):
            for number in range(100):
                logging.getLogger("libelle.models").info("epoch %d", number)
            raise UserError("There is no room left.")

    with pytest.raises(UserError, match="There is no room"):
        work()
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert said == ["/dev/full cannot be written (No space left on device) and misses lines"]
    assert capsys.readouterr().err == ""


def test_a_program_without_handlers_sees_warnings_while_a_run_keeps_them_too(tmp_path):
    # pytest's own handlers would show them anyway.
    code = "import logging, sys; from pathlib import Path; from libelle.logs import log_to_file\n"
    code += "with log_to_file(Path(sys.argv[1])): logging.getLogger('libelle.x').warning('7 records are odd')\n"
    code += "assert not logging.getLogger('libelle').handlers"
    answer = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "log")], capture_output=True, encoding="utf-8", check=True
    )
    assert answer.stderr == "7 records are odd\n"
    assert "7 records are odd" in (tmp_path / "log").read_text(encoding="utf-8")
