"""The conditional write of an S3 server: an object is created by one request alone, however many try."""

from minio import Minio
from minio.error import S3Error
from minio.helpers import DictType

_CLAIM = "X-Amz-Meta-Claim"


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
    headers: DictType = {"Content-Type": "application/octet-stream", "If-None-Match": "*", _CLAIM: token}
    try:
        # The public put_object would send the condition as metadata, and overwrite.
        client._put_object(bucket, name, data, headers)
    except S3Error as error:
        if error.code != "PreconditionFailed":
            raise
        return _holds_claim(client, bucket, name, token)
    return True


def _holds_claim(client: Minio, bucket: str, name: str, token: str) -> bool:
    try:
        metadata = client.stat_object(bucket, name).metadata or {}
    except S3Error as error:
        if error.code != "NoSuchKey":
            raise
        return False  # the winner has deleted it since
    return metadata.get(_CLAIM) == token
