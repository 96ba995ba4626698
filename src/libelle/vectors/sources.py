"""Where word vectors come from: trained on the run's own texts, a file, the store, or a download."""

import contextlib
import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from libelle.components import Component, Positive, Seed
from libelle.errors import UserError, needs_extra
from libelle.files import SCRATCH, TEMPORARY, owned, sha256_of, whole_file
from libelle.installation import how_to_call
from libelle.memory import require_disk, require_memory
from libelle.stores.base import Store
from libelle.stores.cache import default_cache, fetch
from libelle.vectors.fasttext_format import SAMPLE_ROWS, BinFile
from libelle.vectors.table import VectorTable

log = logging.getLogger(__name__)

#: Models are kept here, under the working directory, and under keys that begin so in the store.
FOLDER = "fasttext"
FRENCH = "cc.fr"
FRENCH_DIM = 300
#: `cc.fr.300.bin` and the archive that it comes in; what reading its dictionary and fitting a projection take.
_DOWNLOAD_BYTES = 12_000_000_000
_READING_BYTES = 1_000_000_000
#: What can be done without the libraries that train and download.
_WITHOUT = ", or use a .bin with process.vectors.source=path"


@dataclass
class WordVectors(Component):
    """Word vectors of fastText (Bojanowski et al. 2017), for any process.

    Attributes:
        source: `train` learns them from the run's own training texts, offline; `path` reads a `.bin`; `store` keeps one
            in the store and fetches it from there; `download` gets `cc.fr.300.bin` from fastText's site.
        dim: size of the vectors; those of a larger model are reduced to it.
        path: of the `.bin`, for `path`, and for `store` the first time; without it `fasttext/cc.fr.<dim>.bin` is
            taken, or a larger one beside it.
        epochs: passes over the texts, for `train`.
        buckets: rows for hashed n-grams of characters, for `train`.
        threads: for `train`; vectors are the same each time with one thread alone.
        seed: for `train`.
    """

    source: Literal["train", "path", "store", "download"] = "train"
    dim: Positive = 100
    path: str | None = None
    epochs: Positive = 10
    buckets: Positive = 100_000
    threads: Positive = 1
    seed: Seed = 1

    def __post_init__(self) -> None:
        if self.path is not None and self.source in ("train", "download"):
            raise UserError(
                f"process.vectors.path={self.path} has no meaning with process.vectors.source={self.source}; leave it "
                "out, or set process.vectors.source=path."
            )
        if self.source == "download" and self.dim > FRENCH_DIM:
            raise UserError(
                f"process.vectors.dim={self.dim} is more than the {FRENCH_DIM} dimensions that can be downloaded; "
                "choose fewer."
            )

    def prepare(self, store: Store | None = None) -> Path | None:
        """Find, fetch, download or reduce the model, before any other work.

        Args:
            store: for `source=store`.

        Returns:
            The file, whose vectors have `dim` dimensions; None where they will be trained.

        Raises:
            UserError: when there is no such model, it has fewer dimensions, or memory or disk are short.
        """
        self.file_: Path | None = None
        if self.source == "train":
            _gensim()
        elif self.source == "store":
            if store is None:
                raise UserError(
                    f"process.vectors.source=store needs a store; use {how_to_call('train')}, or source=path."
                )
            self.file_ = self._from_store(store)
        else:
            local = self._local()
            if local is None and self.source == "path":
                raise UserError(
                    f"There is no {self._key()}; set process.vectors.path to a .bin of fastText, or "
                    "process.vectors.source to train or download."
                )
            self.file_ = self._reduced(local or _download())
        return self.file_

    def fit(self, table: pd.DataFrame, kept: Sequence[str], seen: Sequence[str]) -> VectorTable:
        """The vectors that a process keeps.

        Args:
            table: cleaned training texts, one `str` column per field.
            kept: words whose vectors are kept.
            seen: words whose n-grams are kept, for words first seen at runtime; may be empty.

        Raises:
            UserError: as `prepare`, which is called unless it was before.
        """
        file = getattr(self, "file_", None) or self.prepare()
        if file is not None:
            return self._table(BinFile.open(file), kept, seen)
        if not kept and not seen:
            return VectorTable.empty(self.dim)
        with tempfile.TemporaryDirectory(prefix=owned(SCRATCH)) as scratch:
            return self._table(self._train(table, Path(scratch), len(seen) or len(kept)), kept, seen)

    def _table(self, model: BinFile, kept: Sequence[str], seen: Sequence[str]) -> VectorTable:
        # A word has at most this many n-grams, and all of them share the buckets.
        ngrams = min(model.buckets, sum((len(word) + 2) * max(model.longest, 1) for word in seen))
        require_memory(
            4 * self.dim * (len(kept) + ngrams), "The table of word vectors", "set process.vectors.dim to less"
        )
        return VectorTable.of(model, kept, seen)

    def _train(self, table: pd.DataFrame, scratch: Path, words: int) -> BinFile:
        """Train on the words of each record and field."""
        require_memory(
            8 * self.dim * (2 * words + self.buckets),
            "Training word vectors",
            "set process.vectors.dim or process.vectors.buckets to less",
        )
        gensim = _gensim()
        # Not fastText's own trainer: below ten threads it leaves most of the matrix uninitialised (its issue 1061),
        # and with ten it is not deterministic. gensim's is the same algorithm, with the same hashes.
        model = gensim.FastText(
            sentences=_Sentences(table),
            sg=1,
            vector_size=self.dim,
            epochs=self.epochs,
            bucket=self.buckets,
            min_count=1,
            workers=self.threads,
            seed=self.seed,
        )
        gensim.save_facebook_model(model, str(scratch / "model.bin"))
        return BinFile.open(scratch / "model.bin")

    @property
    def _name(self) -> str:
        """`cc.fr` of `cc.fr.300.bin`."""
        return FRENCH if self.path is None else re.sub(r"\.\d+$", "", Path(self.path).name.removesuffix(".bin"))

    def _key(self, dim: int | None = None) -> str:
        """Where the model is, in the working directory as in the store."""
        return f"{FOLDER}/{self._name}.{dim or self.dim}.bin"

    def _best(self, keys: Sequence[str]) -> str | None:
        """Of these, the model of the wanted size, or the smallest larger one."""
        sizes = [re.fullmatch(rf"{FOLDER}/{re.escape(self._name)}\.(\d+)\.bin", key) for key in keys]
        usable = sorted(int(size[1]) for size in sizes if size and int(size[1]) >= self.dim)
        return self._key(usable[0]) if usable else None

    def _local(self) -> Path | None:
        if self.path is not None:
            return Path(self.path)
        best = self._best([f"{FOLDER}/{path.name}" for path in Path(FOLDER).glob("*.bin")])
        return Path(best) if best else None

    def _from_store(self, store: Store) -> Path:
        """Fetch the model; where the store has none of this size, reduce a larger or a local one and keep it there."""
        keys = {entry.key for entry in store.list(f"{FOLDER}/")}
        stored = self._best([key for key in keys if f"{key}.sha256" in keys])
        if stored is not None:
            local = fetch(store, stored, store.get(f"{stored}.sha256").decode("ascii", "replace")[:64], default_cache())
            if stored == self._key():
                return self._reduced(local)
        else:
            found = self._local()
            if found is None:
                raise UserError(
                    f"There is no {self._key()} in {store} nor here; put it into the folder {FOLDER}/, set "
                    "process.vectors.path, or set process.vectors.source=download."
                )
            local = found
        reduced = self._reduced(local)
        checksum = sha256_of(reduced)
        store.put_file(self._key(), reduced)
        # As sha256sum writes it; last, so that a model without it is not there yet.
        store.put(f"{self._key()}.sha256", f"{checksum}  {Path(self._key()).name}\n".encode())
        log.info("%s is now in %s", self._key(), store)
        return reduced

    def _reduced(self, original: Path) -> Path:
        """The model itself where it has the wanted size; else `fasttext/<name>.<dim>.bin`, unless it is older."""
        model = BinFile.open(original)
        if model.dim == self.dim:
            return original
        path = Path(self._key())
        if path.exists() and path.samefile(original):
            raise UserError(f"{path} has {model.dim} dimensions, not the {self.dim} of its name; rename it.")
        if path.exists() and path.stat().st_mtime >= original.stat().st_mtime:
            return path
        path.parent.mkdir(exist_ok=True)
        needed = original.stat().st_size * self.dim // model.dim
        require_disk(needed, path.parent, f"Reducing {original}", "make room")
        sample = min(SAMPLE_ROWS, len(model.input))
        require_memory(20 * sample * model.dim, f"Reducing {original}", "close other programs")
        log.info("reducing %s from %d to %d dimensions: %s", original, model.dim, self.dim, path)
        with whole_file(path) as temporary:
            model.reduce(self.dim, temporary)
        return path


def _download() -> Path:
    """Let the library download `cc.fr.300.bin`, once disk and memory are known to be enough."""
    target = Path(FOLDER, f"{FRENCH}.{FRENCH_DIM}.bin").absolute()
    target.parent.mkdir(exist_ok=True)
    advice = "make room, or set process.vectors.source=train"
    what = f"Downloading {target.name}"
    require_disk(_DOWNLOAD_BYTES, Path(FOLDER), what, advice)
    require_memory(_READING_BYTES, what, advice)
    fasttext = _library()
    log.info("downloading %s: it takes %d GB of disk meanwhile", target.name, _DOWNLOAD_BYTES // 10**9)
    try:
        with (
            tempfile.TemporaryDirectory(dir=FOLDER, prefix=TEMPORARY) as scratch,
            # The library downloads into the working directory, and reports on stdout, which is for results.
            contextlib.chdir(scratch),
            contextlib.redirect_stdout(sys.stderr),
        ):
            os.replace(fasttext.util.download_model("fr", if_exists="ignore"), target)  # noqa: PTH105
    except OSError as error:
        raise UserError(
            f"{target.name} cannot be downloaded ({error}); put it into the folder {FOLDER}/ by hand, or set "
            "process.vectors.source=train."
        ) from error
    return Path(FOLDER, target.name)


def _library() -> Any:
    with needs_extra("process.vectors", "fasttext", _WITHOUT):
        import fasttext
        import fasttext.util
    return fasttext


def _gensim() -> Any:
    with needs_extra("process.vectors", "fasttext", _WITHOUT):
        from gensim.models import fasttext
    return fasttext


class _Sentences:
    """The words of each text, iterable any number of times; repeated texts count as often as they occur."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table

    def __iter__(self) -> Iterator[list[str]]:
        for _, column in self.table.items():
            for text in column.dropna():
                yield text.replace("\0", " ").split()  # it ends a word in the file
