"""A run's file of messages, where its disk takes no more."""

import logging
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
