"""Where pretrained encoders come from: a folder, the Hugging Face cache, or the hub. No code of theirs is ever run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from libelle.errors import UserError, needs_extra

#: All that is taken from the hub: weights as safetensors, never as pickle.
_FILES = ["*.json", "*.safetensors", "*.model", "*.txt"]
#: Seconds after which the hub counts as out of reach.
_PATIENCE = 10


@contextmanager
def reading_encoder(encoder: str, part: str) -> Iterator[None]:
    """Keep transformers quiet, and turn whatever it finds wrong with a folder into a `UserError`.

    Args:
        encoder: as the config names it.
        part: what is read, for the message.
    """
    with needs_extra("model=pretrained", "pretrained"):
        from transformers.utils import logging
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # malformed files end in exceptions of any kind
        said = str(error).strip().partition("\n")[0].rstrip(".")
        raise UserError(
            f"model.encoder={encoder} holds no {part} that can be read ({type(error).__name__}: {said}); save it again "
            "with save_pretrained of transformers."
        ) from error


def locate_encoder(encoder: str) -> str:
    """Find an encoder's folder, downloading it where the name is one of the hub and the cache lacks it.

    Args:
        encoder: path of a folder, or a name on the hub.

    Raises:
        UserError: when it is nowhere, or has no weights in safetensors.
    """
    folder = Path(encoder)
    if not folder.is_dir():
        folder = _from_hub(encoder)
    if not any(folder.glob("*.safetensors")):
        pickled = any(folder.glob("*.bin"))
        raise UserError(
            f"model.encoder={encoder} has its weights as a pickle (.bin) alone, which could run any code and is not "
            "read; convert it with save_pretrained of transformers."
            if pickled
            else f"model.encoder={encoder} holds no weights (.safetensors); save the encoder there with "
            "save_pretrained of transformers."
        )
    return str(folder)


def _from_hub(encoder: str) -> Path:
    with needs_extra("model=pretrained", "pretrained"):
        import huggingface_hub
    try:
        cached = Path(huggingface_hub.snapshot_download(encoder, local_files_only=True))
        if any(cached.glob("*.safetensors")):
            return cached
    except (OSError, ValueError):
        pass  # not in the cache, or not a name that could be
    try:
        # The download itself would try again and again for a minute before it gave up.
        huggingface_hub.model_info(encoder, timeout=_PATIENCE)
        return Path(huggingface_hub.snapshot_download(encoder, allow_patterns=_FILES))
    except Exception as error:
        said = str(error).strip().partition("\n")[0].rstrip(".")
        raise UserError(
            f"model.encoder={encoder} is no folder here, and the Hugging Face hub did not give it ({said}); correct "
            "the name, or download it where there is a network and set model.encoder to the path of its folder."
        ) from error
