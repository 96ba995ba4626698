"""What only a store over the network has: credentials, lost answers, refusals, outages."""

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from helpers.scripts import CONF
from helpers.servers import MotoServer, S3Server, cut_answer, free_ports, lose_answer, refuse
from libelle.errors import UserError
from libelle.stores.base import put_folder
from libelle.stores.minio import MinioStore
from libelle.stores.s3 import PATIENT

Credentials = Callable[[dict[str, str]], None]

_SECRET = "xyzzy-secret"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = PATIENT._replace(retries=PATIENT.retries.new(backoff_factor=0))
    monkeypatch.setattr("libelle.stores.minio.PATIENT", at_once)
    monkeypatch.setattr("libelle.stores.minio._PAUSE", 0)


@pytest.fixture
def store(moto_server: MotoServer) -> MinioStore:
    store = moto_server.store()
    store.check()
    return store


def test_the_config_is_the_fields() -> None:
    config = OmegaConf.load(CONF / "store" / "minio.yaml")
    assert config.pop("_target_") == "libelle.stores.minio.MinioStore"
    assert OmegaConf.merge(OmegaConf.structured(MinioStore), config) == OmegaConf.structured(MinioStore)


def test_nothing_is_asked_before_the_first_use(credentials: Credentials) -> None:
    credentials({})
    store = MinioStore("no such host", "bucket")
    assert pickle.loads(pickle.dumps(store)) == store


def test_no_secret_shows(store: MinioStore, moto_server: MotoServer) -> None:
    store.put("key", b"")
    for text in (repr(store), str(store), repr(pickle.dumps(store))):
        assert moto_server.secret not in text


def test_prefixes_keep_teams_apart(store: MinioStore) -> None:
    teams = [MinioStore(store.endpoint, store.bucket, prefix, store.secure) for prefix in ("a", "/a/b/", "ab")]
    for team in teams:
        team.put("runs/1/x", team.prefix.encode())
    assert [team.get("runs/1/x").decode() for team in teams] == ["a", "/a/b/", "ab"]
    assert {entry.key for entry in store.list("")} == {"a/runs/1/x", "a/b/runs/1/x", "ab/runs/1/x"}
    assert [[entry.key for entry in team.list("runs/")] for team in teams] == [["runs/1/x"]] * 3
    assert [list(team.folders("")) for team in teams] == [["b", "runs"], ["runs"], ["runs"]]


@pytest.mark.parametrize(
    "names",
    [
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        ("MINIO_ACCESS_KEY", "MINIO_SECRET_KEY"),
        ("MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD"),
    ],
)
def test_each_pair_of_variables_will_do(
    moto_server: MotoServer, credentials: Credentials, names: tuple[str, str]
) -> None:
    credentials({names[0]: "user", names[1]: _SECRET})
    moto_server.store().check()
    credentials({names[0]: "user"})
    with pytest.raises(UserError, match=f"^{names[1]} is not set"):
        moto_server.store().check()
    credentials({names[1]: _SECRET})
    with pytest.raises(UserError, match=f"^{names[0]} is not set"):
        moto_server.store().check()


def test_missing_credentials(moto_server: MotoServer, credentials: Credentials) -> None:
    credentials({})
    with pytest.raises(UserError, match="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        moto_server.store().check()


def test_aws_names_come_first_and_the_session_token_is_sent(moto_server: MotoServer, credentials: Credentials) -> None:
    seen = {}

    def look(app, environ, respond):
        seen.update(environ)
        return app(environ, respond)

    credentials(
        {
            "AWS_ACCESS_KEY_ID": "aws",
            "AWS_SECRET_ACCESS_KEY": _SECRET,
            "AWS_SESSION_TOKEN": "temporary",
            "MINIO_ACCESS_KEY": "minio",
            "MINIO_SECRET_KEY": _SECRET,
        }
    )
    store = moto_server.store()
    store.check()
    moto_server.faults.append(("PUT", "key", look))
    store.put("key", b"")
    assert "Credential=aws/" in seen["HTTP_AUTHORIZATION"]
    assert seen["HTTP_X_AMZ_SECURITY_TOKEN"] == "temporary"


@pytest.mark.parametrize(
    "endpoint", ["", "http://host:9000", f"user:{_SECRET}@host:9000", "host:9000/path", "host:port", "a b"]
)
def test_what_is_not_an_address_is_refused_unrepeated(credentials: Credentials, endpoint: str) -> None:
    credentials({"AWS_ACCESS_KEY_ID": "user", "AWS_SECRET_ACCESS_KEY": _SECRET})
    with pytest.raises(UserError, match=r"store\.endpoint must be a host and a port") as caught:
        MinioStore(endpoint).check()
    assert _SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bucket": "No_Bucket"}, r"store\.bucket=No_Bucket or .* invalid bucket name"),
        ({"bucket": ""}, r"store\.bucket= or "),
        ({"prefix": "a/../b"}, r"store\.prefix=a/\.\./b cannot be one"),
        ({"region": "no region"}, r"store\.region=no region is wrong"),
        ({"secure": True}, r"store\.endpoint=\S+ does not answer over TLS .* store\.secure=false"),
        ({"endpoint": "nowhere.invalid:9000"}, r"does not answer \(no such host\); check the address"),
    ],
)
def test_a_wrong_config(moto_server: MotoServer, changes: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        moto_server.store(**changes).check()


def test_a_dead_endpoint(moto_server: MotoServer) -> None:
    endpoint = f"127.0.0.1:{free_ports(1)[0]}"
    with pytest.raises(UserError, match=rf"^store\.endpoint={endpoint} does not answer \(Connection refused\)"):
        moto_server.store(endpoint=endpoint).check()


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
    store: MinioStore, moto_server: MotoServer, status: str, code: str, message: str
) -> None:
    moto_server.faults.append(("PUT", "key", refuse(status, code)))
    with pytest.raises(UserError, match=message):
        store.put("key", b"")


def test_what_answers_is_no_s3_server(moto_server: MotoServer) -> None:
    def page(app, environ, respond):
        respond("200 OK", [("Content-Type", "text/html")])
        return [b"<html><p>Welcome<br></html>"]

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


def test_a_claim_whose_answer_was_lost_is_won(store: MinioStore, moto_server: MotoServer) -> None:
    moto_server.faults += [("PUT", "runs/1", lose_answer)]
    assert store.create_if_absent("runs/1", b"claim")
    assert moto_server.faults == []
    # The same bytes from somebody else are another claim.
    moto_server.faults += [("PUT", "runs/1", lose_answer)]
    assert not store.create_if_absent("runs/1", b"claim")


def test_a_claim_whose_winner_deletes_it_at_once_is_lost(store: MinioStore, moto_server: MotoServer) -> None:
    moto_server.faults += [("PUT", "runs/1", refuse("412 Precondition Failed", "PreconditionFailed"))]
    assert not store.create_if_absent("runs/1", b"claim")


def test_a_claim_that_is_put_off_is_made_again(store: MinioStore, moto_server: MotoServer) -> None:
    moto_server.faults += [("PUT", "runs/1", refuse("409 Conflict", "ConditionalRequestConflict"))] * 2
    assert store.create_if_absent("runs/1", b"claim")


def test_a_claim_that_is_put_off_for_ever(store: MinioStore, moto_server: MotoServer) -> None:
    moto_server.faults += [("PUT", "runs/1", refuse("409 Conflict", "ConditionalRequestConflict"))] * 10
    with pytest.raises(UserError, match="ConditionalRequestConflict"):
        store.create_if_absent("runs/1", b"claim")


@pytest.mark.parametrize("fault", [lose_answer, refuse("503 Slow Down", "SlowDown")], ids=["lost", "busy"])
def test_every_request_is_repeated(
    store: MinioStore, moto_server: MotoServer, tmp_path: Path, fault: Callable[..., list[bytes]]
) -> None:
    (tmp_path / "file").write_bytes(b"content")
    for method in ("PUT", "GET", "DELETE"):
        moto_server.faults += [(method, "key", fault)] * 2
    moto_server.faults += [("GET", store.bucket, fault)]
    store.put_file("key", tmp_path / "file")
    assert store.get("key") == b"content"
    assert [entry.key for entry in store.list("")] == ["key"]
    store.delete("key")
    assert moto_server.faults == []
    assert list(store.list("")) == []


def test_a_server_that_stays_busy(store: MinioStore, moto_server: MotoServer) -> None:
    moto_server.faults += [("PUT", "key", refuse("503 Slow Down", "SlowDown"))] * 100
    with pytest.raises(UserError, match=r"refuses store\.bucket=\S+ \(SlowDown: as asked\)"):
        store.put("key", b"")


def test_a_download_that_was_cut_short_is_repeated(store: MinioStore, moto_server: MotoServer, tmp_path: Path) -> None:
    store.put("key", b"0123456789")
    moto_server.faults += [("GET", "key", cut_answer)] * 2
    assert store.get("key") == b"0123456789"
    moto_server.faults += [("GET", "key", cut_answer)] * 2
    store.get_file("key", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"0123456789"
    moto_server.faults += [("GET", "key", cut_answer)] * 10
    with pytest.raises(UserError, match=r"^store\.endpoint=\S+ does not answer"):
        store.get("key")


def test_a_big_upload_survives_a_lost_part_and_a_lost_end(
    store: MinioStore, moto_server: MotoServer, tmp_path: Path
) -> None:
    data = bytes(range(256)) * (6 << 12)
    (tmp_path / "big").write_bytes(data)
    moto_server.faults += [
        ("PUT", "big", lose_answer),
        ("POST", "big", refuse("503 Slow Down", "SlowDown")),
        ("POST", "big", refuse("404 Not Found", "NoSuchUpload")),
    ]
    store.put_file("big", tmp_path / "big")
    assert moto_server.faults == []
    assert store.get("big") == data


def test_a_server_that_dies_in_the_middle_of_a_run(store: MinioStore, moto_server: MotoServer, tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / str(number)).write_bytes(b"")
    store.put("key", b"")
    moto_server.down = True
    for use in (
        lambda: store.put("key", b""),
        lambda: store.create_if_absent("key", b""),
        lambda: store.get("key"),
        lambda: store.delete("key"),
        lambda: list(store.list("")),
        lambda: store.folders(""),
        lambda: put_folder(store, "runs/1/", tmp_path),
        store.check,
    ):
        with pytest.raises(UserError, match=r"^store\.endpoint=\S+ does not answer \("):
            use()
    moto_server.down = False
    assert store.get("key") == b""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("user", "secret", "message"),
    [
        ("tester", "wrong", r"refuses the credentials in AWS_ACCESS_KEY_ID .* \(SignatureDoesNotMatch\)"),
        ("nobody", "wrong", r"refuses the credentials in AWS_ACCESS_KEY_ID .* \(InvalidAccessKeyId\)"),
        ("guest", None, r"store\.bucket=\S+ does not exist at .* may not make it"),
    ],
)
def test_a_real_server_refuses(
    ceph_server: S3Server, credentials: Credentials, user: str, secret: str | None, message: str
) -> None:
    credentials({"AWS_ACCESS_KEY_ID": user, "AWS_SECRET_ACCESS_KEY": secret or ceph_server.secret})
    with pytest.raises(UserError, match=message):
        ceph_server.store().check()


@pytest.mark.slow
def test_a_real_server_keeps_a_guest_out(ceph_server: S3Server, credentials: Credentials) -> None:
    store = ceph_server.store()
    store.check()
    credentials({"AWS_ACCESS_KEY_ID": "guest", "AWS_SECRET_ACCESS_KEY": ceph_server.secret})
    with pytest.raises(UserError, match=r"not enough rights on store\.bucket="):
        MinioStore(store.endpoint, store.bucket, secure=False).check()
