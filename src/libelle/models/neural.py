"""What all models with a network share: fitting, prediction, saving and loading. Only fitting needs Lightning."""

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from libelle.components import Natural, Positive
from libelle.features import Dataset, Features, Floats
from libelle.files import read_json, write_json
from libelle.memory import require_memory
from libelle.models.base import Model, Training
from libelle.models.dense_scorer import softmax
from libelle.models.network import LossConfig, OptimizerConfig, Shape

if TYPE_CHECKING:  # imported where a network is built: it takes a second, and `mlp` scores without
    from torch import Tensor, nn

    from libelle.models.batches import Batch
    from libelle.models.torch_network import Network

#: Rows scored at once: memory stays bounded whatever is asked.
PREDICT_ROWS = 1024


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch compute on so many threads; 0 changes nothing.

    It is set back at the end. Threads of Python that first use torch meanwhile start with the same number.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass
class NeuralModel(Model):
    """A network that Lightning trains and that scores without it.

    Attributes:
        optimizer: how weights are moved.
        loss: what is minimised.
        batch_size: rows a step.
        threads: of torch in training, and of torch or numpy in scoring; 0 for as many as they choose. Small operators
            on two threads wait for each other as soon as anything else runs on the machine: 26 times as long was
            measured.
    """

    lightning = True
    #: Whether the network pads the rows of a batch to the longest of them.
    padded: ClassVar[bool] = False
    #: Tokens at most in one padded batch that is scored.
    predict_tokens: ClassVar[int] = 1 << 17

    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    batch_size: Positive = 64
    threads: Natural = 1

    @abstractmethod
    def network(self, shape: Shape, classes: int) -> "Network":
        """Build the network with fresh weights."""

    def fit(self, train: Dataset, validation: Dataset, classes: int, training: Training) -> Self:
        """Train with Lightning; the weights of the best epoch on `validation` are kept.

        Raises:
            UserError: when memory would not suffice, or training fails for a reason that a setting can remove.
        """
        # Importing Lightning takes seconds, and scoring never needs it.
        import torch

        from libelle.models.devices import train_network
        from libelle.models.embedding import VectorEmbedding

        self.shape_, self.classes_ = Shape.of(train.features), classes
        self.require_room()
        torch.manual_seed(training.seed)
        with torch_threads(self.threads):  # to draw weights is work for threads, too
            self.network_ = self.network(self.shape_, classes)
            if train.features.vectors is not None:
                for module in self.network_.modules():
                    if isinstance(module, VectorEmbedding):
                        module.start(train.features.vectors)
            self.begin(train)
            train_network(
                self.network_,
                train,
                validation,
                training,
                classes=classes,
                batch_size=self.batch_size,
                optimizer=self.optimizer,
                loss=self.loss,
                padded=self.padded,
            )
        self.network_.eval()
        return self

    def begin(self, train: Dataset) -> None:
        """Learn what is not learnt by steps, before the first one; most networks have no such parts."""

    def require_room(self) -> None:
        """Raise `UserError` unless the weights, and what training adds to them, fit into memory."""
        import torch

        with torch.device("meta"):  # which takes none
            network = self.network(self.shape_, self.classes_)
        cells: dict[nn.Module, int] = {}
        for module in network.modules():
            # The best weights are read back beside the last ones; AdamW has two moments of each weight, Adagrad none.
            copies = 2 if getattr(module, "sparse", False) else 4
            for parameter in module.parameters(recurse=False):
                cells[module] = cells.get(module, 0) + parameter.numel() * (copies if parameter.requires_grad else 2)
        weights = sum(parameter.numel() for parameter in network.parameters())
        largest = max(cells, key=lambda module: cells[module])
        require_memory(4 * sum(cells.values()), f"model: training {weights:,} weights", self._smaller(largest))

    def _smaller(self, largest: "nn.Module") -> str:
        """How to make do with fewer weights."""
        from torch import nn

        from libelle.models.layers import ColumnEncoder, NgramEncoder
        from libelle.models.linear_path import LinearPath

        if isinstance(largest, LinearPath):
            return f"set model.wide=false, or {self.remedy}"
        if isinstance(largest, ColumnEncoder):
            return "leave fields with many values out of data.categorical"
        if isinstance(largest, NgramEncoder):
            return f"set model.ngram_dim below {largest.embedding_dim}, or {self.remedy}"
        if isinstance(largest, nn.Embedding | nn.EmbeddingBag):
            if self.shape_.vectors:
                return self.remedy
            key = "word_dim" if hasattr(self, "word_dim") else "dim"
            return f"set model.{key} below {largest.embedding_dim}, or {self.remedy}"
        return "make the layers of the model smaller"

    def predict_proba(self, features: Features) -> Floats:
        """Softmax of the logits, float32 [rows, classes]."""
        return softmax(self.logits(features))

    def logits(self, features: Features) -> Floats:
        """The pooled logits, float32 [rows, classes]."""
        import torch

        from libelle.models.batches import make_batch

        logits = np.empty((features.rows, self.classes_), dtype=np.float32)
        with torch_threads(self.threads), torch.inference_mode():
            for rows in self._batches(features):
                logits[rows] = self.logits_of(make_batch(features, rows)).numpy()
        return logits

    def logits_of(self, batch: "Batch") -> "Tensor":
        """The pooled logits of a batch, float32 [rows, classes]."""
        logits: Tensor = self.network_(batch)
        return logits

    def save(self, folder: Path) -> None:
        """Write `network.json` and `weights.safetensors`."""
        from safetensors.torch import save_file

        about = {"shape": self.shape_.to_json(), "classes": self.classes_}
        write_json(folder / "network.json", about)
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in self.network_.state_dict().items()}
        save_file(weights, folder / "weights.safetensors")

    def load(self, folder: Path) -> Self:
        """Read back what `save` wrote."""
        about = read_json(folder / "network.json")
        self.shape_, self.classes_ = Shape(**about["shape"]), about["classes"]
        import torch
        from safetensors.torch import load_file

        with torch.device("meta"):  # no time spent on random weights
            self.network_ = self.network(self.shape_, self.classes_)
        self.network_.load_state_dict(load_file(folder / "weights.safetensors"), assign=True)
        self.network_.eval()
        return self

    @classmethod
    def _batches(cls, features: Features) -> list[np.ndarray]:
        """Rows of similar length together, so that little is padded."""
        lengths = features.lengths
        order = np.argsort(lengths, kind="stable")
        batches, start = [], 0
        while start < len(order):
            # Lengths rise, so the last row of a batch is its longest.
            end = min(start + PREDICT_ROWS, len(order))
            while end - start > 1 and (end - start) * lengths[order[end - 1]] > cls.predict_tokens:
                end = start + (end - start) // 2
            batches.append(order[start:end])
            start = end
        return batches
