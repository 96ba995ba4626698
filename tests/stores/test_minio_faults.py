"""What a server or a network may do to a request: lost answers, refusals, outages."""

from collections.abc import Callable
from pathlib import Path

import pytest

from faults.proxy import proxied
from helpers.parcels import parcel
from helpers.servers import MotoServer, cut_answer, lose_answer, refuse
from libelle.errors import UserError
from libelle.stores.minio import MinioStore

pytestmark = pytest.mark.usefixtures("no_pauses")


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        ("403 Forbidden", "SignatureDoesNotMatch", "credentials in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        ("403 Forbidden", "AccessDenied", r"not enough rights on store\.bucket="),
        ("403 Forbidden", "RequestTimeTooSkewed", "clocks"),
        ("400 Bad Request", "AuthorizationHeaderMalformed", r"set store\.region"),
        ("404 Not Found", "NoSuchBucket", r"store\.bucket=\S+ does not exist"),
        ("507 Full", "XMinioStorageFull", r"refuses store\.bucket=\S+ \(XMinioStorageFull: as asked\)"),
    ],
)
def test_a_refusal_in_the_middle_of_a_run(
    moto_store: MinioStore, moto_server: MotoServer, status: str, code: str, message: str
) -> None:
    moto_server.faults.append(("PUT", "key", refuse(status, code)))
    with pytest.raises(UserError, match=message):
        moto_store.put("key", b"")


def page(app, environ, respond):
    """What a proxy between says of itself."""
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    respond("200 OK", [("Content-Type", "text/html")])
    return [b"<html><p>Welcome<br></html>"]


def flip_answer(app, environ, respond):
    """Answer with one bit flipped."""
    answer = bytearray(b"".join(app(environ, respond)))
    answer[0] ^= 4
    return [bytes(answer)]


def test_what_answers_is_no_s3_server(moto_server: MotoServer) -> None:
    store = moto_server.store()
    moto_server.faults += [("GET", store.bucket, page)]
    with pytest.raises(UserError, match=r"^store\.endpoint=\S+ does not answer as an S3 server"):
        store.check()


def test_a_bucket_that_may_not_be_made(moto_server: MotoServer) -> None:
    store = moto_server.store()
    moto_server.faults.append(("PUT", store.bucket, refuse("403 Forbidden", "AccessDenied")))
    with pytest.raises(UserError, match=r"store\.bucket=\S+ does not exist at .* may not make it"):
        store.check()


def test_a_bucket_that_somebody_else_just_made(moto_server: MotoServer) -> None:
    def too_late(app, environ, respond):
        list(app(environ, lambda *_: None))
        return refuse("409 Conflict", "BucketAlreadyOwnedByYou")(app, environ, respond)

    store = moto_server.store()
    moto_server.faults.append(("PUT", store.bucket, too_late))
    store.check()
    assert moto_server.faults == []


@pytest.mark.parametrize("fault", [lose_answer, refuse("503 Slow Down", "SlowDown")], ids=["lost", "busy"])
def test_every_request_is_repeated(
    moto_store: MinioStore, moto_server: MotoServer, tmp_path: Path, fault: Callable[..., list[bytes]]
) -> None:
    (tmp_path / "file").write_bytes(b"content")
    for method in ("PUT", "GET", "DELETE"):
        moto_server.faults += [(method, "key", fault)] * 2
    moto_server.faults += [("GET", moto_store.bucket, fault)]
    moto_store.put_file("key", tmp_path / "file")
    assert moto_store.get("key") == b"content"
    assert [entry.key for entry in moto_store.list("")] == ["key"]
    moto_store.delete("key")
    assert moto_server.faults == []
    assert list(moto_store.list("")) == []


def test_a_server_that_stays_busy(moto_store: MinioStore, moto_server: MotoServer) -> None:
    moto_server.faults += [("PUT", "key", refuse("503 Slow Down", "SlowDown"))] * 100
    with pytest.raises(UserError, match=r"refuses store\.bucket=\S+ \(SlowDown: as asked\)"):
        moto_store.put("key", b"")


def test_a_download_that_was_cut_short_is_repeated(
    moto_store: MinioStore, moto_server: MotoServer, tmp_path: Path
) -> None:
    moto_store.put("key", b"0123456789")
    moto_server.faults += [("GET", "key", cut_answer)] * 2
    assert moto_store.get("key") == b"0123456789"
    moto_server.faults += [("GET", "key", cut_answer)] * 2
    moto_store.get_file("key", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"0123456789"
    moto_server.faults += [("GET", "key", cut_answer)] * 10
    with pytest.raises(UserError, match=r"^store\.endpoint=\S+ does not answer"):
        moto_store.get("key")


def test_what_is_altered_on_its_way_is_asked_for_again_and_never_believed(
    moto_store: MinioStore, moto_server: MotoServer, tmp_path: Path
) -> None:
    moto_store.put("key", b"0123456789")
    moto_server.faults += [("GET", "key", flip_answer)] * 2
    assert moto_store.get("key") == b"0123456789"
    moto_server.faults += [("GET", "key", flip_answer)] * 10
    with pytest.raises(UserError, match=r"^key in store\.bucket=\S+ at \S+ is not what was stored"):
        moto_store.get_file("key", tmp_path / "copy")


@pytest.mark.parametrize("write", ["put", "create_if_absent"])
def test_a_page_of_a_proxy_is_not_taken_for_a_write(
    moto_store: MinioStore, moto_server: MotoServer, write: str
) -> None:
    moto_server.faults.append(("PUT", "key", page))
    with pytest.raises(UserError, match="does not answer as an S3 server"):
        getattr(moto_store, write)("key", b"content")
    assert list(moto_store.list("")) == []


def test_a_write_that_is_answered_with_not_found_is_refused_in_a_sentence(
    moto_store: MinioStore, moto_server: MotoServer
) -> None:
    moto_server.faults.append(("PUT", "key", refuse("404 Not Found", "NoSuchKey")))
    with pytest.raises(UserError, match="NoSuchKey"):
        moto_store.put("key", b"")


def test_a_big_upload_survives_a_lost_part_and_a_lost_end(
    moto_store: MinioStore, moto_server: MotoServer, tmp_path: Path
) -> None:
    data = bytes(range(256)) * (6 << 12)
    (tmp_path / "big").write_bytes(data)
    moto_server.faults += [
        ("PUT", "big", lose_answer),
        ("POST", "big", refuse("503 Slow Down", "SlowDown")),
        ("POST", "big", refuse("404 Not Found", "NoSuchUpload")),
    ]
    moto_store.put_file("big", tmp_path / "big")
    assert moto_server.faults == []
    assert moto_store.get("big") == data


@pytest.mark.slow
def test_a_server_that_dies_in_the_middle_of_a_run(
    moto_store: MinioStore, moto_server: MotoServer, tmp_path: Path
) -> None:
    for number in range(20):
        (tmp_path / str(number)).write_bytes(b"")
    moto_store.put("key", b"")
    moto_server.down = True
    for use in (
        lambda: moto_store.put("key", b""),
        lambda: moto_store.create_if_absent("key", b""),
        lambda: moto_store.get("key"),
        lambda: moto_store.delete("key"),
        lambda: list(moto_store.list("")),
        lambda: moto_store.folders(""),
        lambda: parcel(tmp_path).upload(moto_store, "runs/1/", but=[]),
        moto_store.check,
    ):
        with pytest.raises(UserError, match=r"^store\.endpoint=\S+ does not answer \("):
            use()
    moto_server.down = False
    assert moto_store.get("key") == b""


def test_a_connection_that_is_lost_while_the_store_is_checked_is_asked_again(moto_server: MotoServer) -> None:
    store = moto_server.store()
    for method in ("GET", "GET", "GET", "PUT", "PUT"):
        moto_server.faults.append((method, store.bucket, lose_answer))
    store.check()
    assert moto_server.faults == []


def test_a_connection_that_is_refused_while_the_store_is_checked_is_asked_again(moto_server: MotoServer) -> None:
    store = moto_server.store()
    kinds = iter(["connection refused"])
    with proxied(moto_server.endpoint) as proxy:
        proxy.fault = lambda _: next(kinds, None)
        MinioStore(proxy.endpoint, store.bucket, secure=False).check()
    assert proxy.done["connection refused"] == 1
