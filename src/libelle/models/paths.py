"""What `mlp` and `transformer` share: a path from the words, one from the n-grams, and a linear one.

The linear ("wide") path sees every n-gram with a weight of its own for each class, as a linear model on TF-IDF does;
the deep paths see embeddings (Cheng et al. 2016, "Wide & Deep Learning for Recommender Systems"; Joulin et al. 2017,
"Bag of Tricks for Efficient Text Classification"). Words and n-grams have a path each, since they err differently. The
linear path is a support vector machine, one class against the others, solved before training
begins (`linear_path.py`): on small sets it is the strongest linear model.
"""

from abc import abstractmethod
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from libelle.components import AboveZero, PartialShare, Positive
from libelle.features import Dataset, Features, Floats
from libelle.files import read_json, write_json
from libelle.memory import require_memory
from libelle.models.base import Training, row_weights
from libelle.models.dense_scorer import blas_threads
from libelle.models.network import Shape
from libelle.models.neural import NeuralModel
from libelle.models.paths_scorer import PathsScorer
from libelle.models.stored_weights import Weights, exact, load_weights, rounded, save_weights
from libelle.progress import stage

if TYPE_CHECKING:  # torch, which scoring an `mlp` does without
    from torch import Tensor

    from libelle.models.batches import Batch
    from libelle.models.encoders import WordEncoder
    from libelle.models.paths_network import PathsNetwork

#: How the names of those weights begin that score in numpy.
_IN_NUMPY = ("ngrams", "wide")


@dataclass
class PathsModel(NeuralModel):
    """Keys of all models with these paths.

    Attributes:
        hidden: sizes of the hidden layers after the word encoder.
        ngram_dim: size of the n-gram embeddings; None for one by the number of classes, see `embedding_dim`.
        ngram_hidden: sizes of the hidden layers after them.
        dropout: share of inputs dropped before each layer in training.
        word_dropout: share of words replaced by `<unknown>` in training, so that unknown words are no surprise.
        ngram_dropout: share of n-grams that the embeddings' path does not see in training.
        wide: whether the linear path is there.
        wide_cost: inverse strength of the linear path's penalty.
        freeze_words: whether the vectors that the process gives stay as they are.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"words"})

    hidden: list[Positive] = field(default_factory=lambda: [256])
    ngram_dim: Positive | None = None
    ngram_hidden: list[Positive] = field(default_factory=lambda: [256])
    dropout: PartialShare = 0.3
    word_dropout: PartialShare = 0.1
    ngram_dropout: PartialShare = 0.5
    wide: bool = True
    wide_cost: AboveZero = 1.0
    freeze_words: bool = False

    def __post_init__(self) -> None:
        self._scorer: PathsScorer | None = None
        if self.freeze_words:
            self.needs = self.needs | {"vectors"}  # type: ignore[misc]  # by config, more than the class needs

    def __getstate__(self) -> dict[str, Any]:
        """Leave what is kept between calls, and its lock, out of copies and pickles."""
        return {**vars(self), "_scorer": None}

    @abstractmethod
    def encoder(self, shape: Shape, classes: int) -> "WordEncoder":
        """Build the word encoder with fresh weights."""

    def fit(self, train: Dataset, validation: Dataset, classes: int, training: Training) -> Self:
        """Train with Lightning; the weights of the best epoch on `validation` are kept."""
        super().fit(train, validation, classes, training)
        self.use(rounded({name: tensor.numpy() for name, tensor in self.network_.state_dict().items()}))
        return self

    def use(self, weights: Weights) -> None:
        """Score with these weights, which are those that are saved; torch's network gets those of the words alone.

        Raises:
            KeyError: when one is missing.
        """
        import torch

        self.weights_, self._scorer = weights, None
        with torch.device("meta"):  # no time spent on random weights, and no memory taken by those of n-grams
            self.network_ = self.network(self.shape_, self.classes_)
        of_words = {name: array for name, array in weights.items() if not name.startswith(_IN_NUMPY)}
        state = {name: torch.from_numpy(array) for name, array in exact(of_words).items()}
        missing, _ = self.network_.load_state_dict(state, assign=True, strict=False)
        for name in missing:
            if not name.startswith(_IN_NUMPY):
                raise KeyError(name)
        self.network_.eval()

    def save(self, folder: Path) -> None:
        """Write `network.json` and `weights.safetensors`."""
        about = {"shape": self.shape_.to_json(), "classes": self.classes_}
        write_json(folder / "network.json", about)
        save_weights(self.weights_, folder)

    def load(self, folder: Path) -> Self:
        """Read back what `save` wrote."""
        about = read_json(folder / "network.json")
        self.shape_, self.classes_ = Shape(**about["shape"]), about["classes"]
        self.use(load_weights(folder))
        return self

    def begin(self, train: Dataset) -> None:
        """Begin with the columns, and solve the linear path."""
        columns = getattr(self.network_, "columns", None)
        if columns is not None:
            columns.start(train.features.table)
        wide = getattr(self.network_, "wide", None)
        if wide is not None and train.features.bag is not None:
            from libelle.models.linear_path import bytes_to_solve

            weights = row_weights(train, balanced=self.loss.class_weights == "balanced")
            columns = 1 if self.classes_ == 2 else self.classes_
            needed = bytes_to_solve(len(train), self.shape_.parts, columns)
            require_memory(needed, "model: solving the linear path", "set model.wide=false")
            with stage("solving the linear path"):
                wide.learn(train.features, train.targets, weights, self.wide_cost)

    def logits(self, features: Features) -> Floats:
        """The pooled logits, float32 [rows, classes]; torch is needed for the words alone."""
        logits = super().logits(replace(features, bag=None))
        if self.shape_.parts and features.rows:
            with blas_threads(self.threads):
                logits += self._scores().logits(features)
        return logits

    def logits_of(self, batch: "Batch") -> "Tensor":
        """Logits of the words of a batch, times their weight in the pool, float32 [rows, classes]."""
        network: PathsNetwork = self.network_  # type: ignore[assignment]
        return network.pool[0] * network.of_words(batch)

    def warm_up(self) -> None:
        """Compute the vectors of all known items, so that processes that are forked share them."""
        if self.shape_.parts:
            self._scores().warm_up()

    def _scores(self) -> PathsScorer:
        if self._scorer is None:
            self._scorer = PathsScorer(self.weights_, self.shape_.fields, self.averaged_words)
        return self._scorer

    @property
    def averaged_words(self) -> int | None:
        """Size of the vocabulary of words that are averaged, which numpy does; None where torch has to encode them."""
        return None

    def network(self, shape: Shape, classes: int) -> "PathsNetwork":
        """Build the network with fresh weights."""
        from libelle.models.paths_network import PathsNetwork

        return PathsNetwork(self.encoder(shape, classes), shape, classes, self)
