"""What deploy/ says works: nginx before the service, and the container's libraries are enough."""

import json
import re
import shutil
import ssl
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from helpers.openssl import make_certificate
from helpers.scripts import ROOT
from helpers.servers import free_ports
from helpers.serving import PATIENCE, serving

TOKEN = "a-token-that-is-long-enough-for-a-test"

#: Runs a command with no library but those that are named.
ONLY = """
import runpy, sys
from importlib.abc import MetaPathFinder
from importlib.metadata import packages_distributions
from packaging.utils import canonicalize_name

allowed = set(sys.argv[1].split(","))
owners = packages_distributions()
owners.pop("hydra_plugins", None)  # libelle's own, too

class Only(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        found = {canonicalize_name(owner) for owner in owners.get(name.partition(".")[0], ())}
        if found and not found & allowed:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

for name in [name for name in sys.modules if name.partition(".")[0] == "packaging"]:
    del sys.modules[name]
sys.meta_path.insert(0, Only())
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def closure(names: list[str]) -> set[str]:
    """Distributions, and all that they require here."""
    found: set[str] = set()
    left = [Requirement(name) for name in names]
    while left:
        wanted = left.pop()
        if (name := canonicalize_name(wanted.name)) in found:
            continue
        try:
            needs = [Requirement(text) for text in requires(name) or ()]
        except PackageNotFoundError:
            continue
        found.add(name)
        left += [need for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
    return found


def test_the_libraries_of_the_container_are_enough_to_serve(place):
    recipe = (ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8")
    listed = re.search(r"-c constraints.txt((?:[^&]|\n)*?)\nCOPY", recipe)[1].replace("\\", " ").split()
    allowed = closure(listed)
    assert "torch" not in allowed
    script = place / "only.py"
    script.write_text(ONLY, encoding="utf-8")
    before = [sys.executable, str(script), ",".join(sorted({*allowed, "libelle"}))]
    with serving(place, "published=forms", "workers=1", "reload=0", before=before) as service:
        status, answer = service.ask("/models/forms/predict", {"records": [{"job": "maçon"}]})
        assert (status, answer["results"][0]["status"]) == (200, "ok")


@pytest.fixture
def nginx(place: Path):
    """Start nginx as deploy/nginx.conf says, before a service on `port`; yields how, and ends it."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/opt/homebrew/bin")
    if program is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    started = []

    def start(port: int) -> tuple[int, ssl.SSLContext]:
        certificate, key = place / "libelle.pem", place / "libelle.key"
        make_certificate(certificate, key)
        site = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
        (listening,) = free_ports(1)
        for written, here in {
            "listen 443": f"listen 127.0.0.1:{listening}",
            "127.0.0.1:8000": f"127.0.0.1:{port}",
            "/etc/ssl/libelle.pem": str(certificate),
            "/etc/ssl/private/libelle.key": str(key),
        }.items():
            assert written in site
            site = site.replace(written, here)
        folders = "".join(
            f"{kind}_temp_path {place / kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        config = place / "nginx.conf"
        config.write_text(
            f"pid {place / 'nginx.pid'}; error_log {place / 'nginx.log'}; events {{}}\n"
            f"http {{ access_log off; {folders}\n{site}\n}}\n"
        )
        command = [program, "-c", str(config), "-e", str(place / "nginx.log")]
        subprocess.run(command, check=True, capture_output=True)
        started.append(command)
        return listening, ssl.create_default_context(cafile=str(certificate))

    yield start
    for command in started:
        subprocess.run([*command, "-s", "quit"], check=True, capture_output=True)


@pytest.mark.slow
def test_nginx_passes_forms_on_and_keeps_the_counts_to_itself(place, nginx):
    with serving(place, "published=forms", "workers=1", "reload=0", LIBELLE_TOKEN=TOKEN) as service:
        port, context = nginx(service.port)

        def ask(path: str, body: bytes | None = None) -> tuple[int, bytes]:
            request = Request(f"https://localhost:{port}{path}", body, {"Authorization": f"Bearer {TOKEN}"})
            try:
                with urlopen(request, timeout=PATIENCE, context=context) as answer:
                    return answer.status, answer.read()
            except HTTPError as error:
                return error.code, error.read()

        records = [{"job": "maçon", "employer": "x" * 500}] * 1000
        status, answer = ask("/models/forms/predict", json.dumps({"records": records}).encode())
        assert (status, len(json.loads(answer)["results"])) == (200, 1000)
        assert ask("/health/ready")[0] == 200
        assert ask("/")[0] == 200
        assert ask("/metrics")[0] == 403
        assert ask("/models/forms/predict", b"x" * (9 << 20))[0] == 413
