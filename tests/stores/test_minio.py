"""What only a store over the network has: addresses, credentials, rights."""

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from helpers.scripts import CONF, call
from helpers.servers import MotoServer, S3Server, free_ports
from libelle.errors import UserError
from libelle.stores.minio import MinioStore

pytestmark = pytest.mark.usefixtures("no_pauses")

Credentials = Callable[[dict[str, str]], None]

_SECRET = "xyzzy-secret"


def test_the_config_is_the_fields() -> None:
    config = OmegaConf.load(CONF / "store" / "minio.yaml")
    assert config.pop("_target_") == "libelle.stores.minio.MinioStore"
    assert OmegaConf.merge(OmegaConf.structured(MinioStore), config) == OmegaConf.structured(MinioStore)


def test_nothing_is_asked_before_the_first_use(credentials: Credentials) -> None:
    credentials({})
    store = MinioStore("no such host", "bucket")
    assert pickle.loads(pickle.dumps(store)) == store


def test_no_secret_shows(moto_store: MinioStore, moto_server: MotoServer) -> None:
    moto_store.put("key", b"")
    for text in (repr(moto_store), str(moto_store), repr(pickle.dumps(moto_store))):
        assert moto_server.secret not in text


def test_prefixes_keep_teams_apart(moto_store: MinioStore) -> None:
    teams = [
        MinioStore(moto_store.endpoint, moto_store.bucket, prefix, moto_store.secure) for prefix in ("a", "/a/b/", "ab")
    ]
    for team in teams:
        team.put("runs/1/x", team.prefix.encode())
    assert [team.get("runs/1/x").decode() for team in teams] == ["a", "/a/b/", "ab"]
    assert {entry.key for entry in moto_store.list("")} == {"a/runs/1/x", "a/b/runs/1/x", "ab/runs/1/x"}
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
        ({"endpoint": "127.0.0.1:99999"}, r"store\.endpoint=127\.0\.0\.1:99999 is wrong"),
        ({"secure": True}, r"store\.endpoint=\S+ does not answer over TLS .* store\.secure=false"),
        ({"endpoint": "nowhere.invalid:9000"}, r"does not answer \(no such host\); check the address"),
    ],
)
def test_a_wrong_config(moto_server: MotoServer, changes: dict[str, str], message: str) -> None:
    for ask in (MinioStore.check, MinioStore.reach):
        with pytest.raises(UserError, match=message):
            ask(moto_server.store(**changes))


def test_a_list_of_runs_waits_no_longer_for_a_dead_endpoint_than_training_does(
    credentials: Credentials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials({"AWS_ACCESS_KEY_ID": "user", "AWS_SECRET_ACCESS_KEY": _SECRET})
    monkeypatch.setattr("libelle.stores.minio.PATIENT", None)  # whoever asks so would wait for twenty seconds
    endpoint = f"127.0.0.1:{free_ports(1)[0]}"
    answer = call("runs.py", "list", "store=minio", f"store.endpoint={endpoint}", "store.secure=false", cwd=tmp_path)
    assert answer.returncode == 2
    assert f"store.endpoint={endpoint} does not answer" in answer.stderr


def test_a_dead_endpoint(moto_server: MotoServer) -> None:
    endpoint = f"127.0.0.1:{free_ports(1)[0]}"
    with pytest.raises(UserError, match=rf"^store\.endpoint={endpoint} does not answer \(Connection refused\)"):
        moto_server.store(endpoint=endpoint).check()


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
