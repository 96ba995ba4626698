"""Claims in a bucket: one request creates the object, whatever happens to its answer."""

import pytest

from helpers.servers import MotoServer, lose_answer, refuse
from libelle.errors import UserError
from libelle.stores.minio import MinioStore

pytestmark = pytest.mark.usefixtures("no_pauses")


def test_a_server_that_ignores_the_condition_is_refused(
    moto_server: MotoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = moto_server.store()

    def ignorant(self, app, environ, respond):
        environ.pop("HTTP_IF_NONE_MATCH", None)
        return app(environ, respond)

    monkeypatch.setattr(MotoServer, "__call__", ignorant)
    with pytest.raises(UserError, match="ignores If-None-Match"):
        store.check()
    assert list(store.list("")) == []


def test_a_claim_whose_answer_was_lost_is_won(moto_store: MinioStore, moto_server: MotoServer) -> None:
    moto_server.faults += [("PUT", "runs/1", lose_answer)]
    assert moto_store.create_if_absent("runs/1", b"claim")
    assert moto_server.faults == []
    # The same bytes from somebody else are another claim.
    moto_server.faults += [("PUT", "runs/1", lose_answer)]
    assert not moto_store.create_if_absent("runs/1", b"claim")


def test_a_claim_whose_winner_deletes_it_at_once_is_tried_again(
    moto_store: MinioStore, moto_server: MotoServer
) -> None:
    refused = refuse("412 Precondition Failed", "PreconditionFailed")
    moto_server.faults += [("PUT", "runs/1", refused)]
    assert moto_store.create_if_absent("runs/1", b"claim")
    moto_store.delete("runs/1")
    moto_server.faults += [("PUT", "runs/1", refused)] * 3
    assert not moto_store.create_if_absent("runs/1", b"claim")


def test_a_claim_that_is_put_off_is_made_again(moto_store: MinioStore, moto_server: MotoServer) -> None:
    moto_server.faults += [("PUT", "runs/1", refuse("409 Conflict", "ConditionalRequestConflict"))] * 2
    assert moto_store.create_if_absent("runs/1", b"claim")


def test_a_claim_that_is_put_off_for_ever(moto_store: MinioStore, moto_server: MotoServer) -> None:
    moto_server.faults += [("PUT", "runs/1", refuse("409 Conflict", "ConditionalRequestConflict"))] * 10
    with pytest.raises(UserError, match="ConditionalRequestConflict"):
        moto_store.create_if_absent("runs/1", b"claim")
