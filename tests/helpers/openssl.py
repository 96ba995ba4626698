"""Keys and certificates, as people make them."""

import subprocess


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def make_certificate(certificate, key):
    """A certificate of localhost that nobody signed, and its key."""
    openssl(
        *["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"],
        *["-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
    )
