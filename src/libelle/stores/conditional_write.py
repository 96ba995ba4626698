"""The conditional write of an S3 server: an object is created by one request alone, however many try."""

from contextlib import closing

from minio import Minio
from minio.error import S3Error

from libelle.stores.checksums import checksum_of, require_answer

_CLAIM = "X-Amz-Meta-Claim"
#: Of a claim whose winners delete what they created again and again.
_ATTEMPTS = 3


def write_if_absent(client: Minio, bucket: str, name: str, data: bytes, token: str) -> bool:
    """Create an object by a PUT with `If-None-Match: *`, of which the server lets one pass.

    A request whose answer was lost is repeated, and then refused because of its own first attempt: the token, kept
    with the object, shows it.

    Args:
        client: of the server.
        bucket: that holds the object.
        name: of the object.
        data: its content.
        token: one for each claim, however often it is repeated.

    Returns:
        Whether this claim created the object.
    """
    headers = {"Content-Type": "application/octet-stream", "If-None-Match": "*", _CLAIM: token, **checksum_of(data)}
    for _ in range(_ATTEMPTS):
        try:
            # The public put_object would send the condition as metadata, and overwrite.
            require_answer(client._put_object(bucket, name, data, headers))
        except S3Error as error:
            if error.code != "PreconditionFailed":
                raise
        else:
            return True
        holder = _holder(client, bucket, name)
        if holder is not None:
            return holder == token
    return False


def _holder(client: Minio, bucket: str, name: str) -> str | None:
    """The token of who created an object; None where it is not there, since the winner has deleted it."""
    try:
        # Not stat_object: it is a HEAD request, and a refusal of one does not say why.
        with closing(client.get_object(bucket, name)) as response:
            return str(response.headers.get(_CLAIM, ""))
    except S3Error as error:
        if error.code != "NoSuchKey":
            raise
        return None
