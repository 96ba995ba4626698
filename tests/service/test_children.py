"""Processes that end at once are not begun again and again."""

import pytest

from libelle.service import children


def test_the_pause_grows_where_a_process_ends_at_once_and_is_none_where_it_lived(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(children.time, "monotonic", lambda: now)
    pauses = children.Pauses()
    assert pauses.over
    waited = []
    for _ in range(9):
        pauses.ended(began=now - 1)
        assert not pauses.over
        ended = now
        while not pauses.over:
            now += 0.5
        waited.append(now - ended)
    assert waited == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    pauses.ended(began=now - 100)
    assert pauses.over
