"""Model `pretrained`: a Hugging Face encoder, fine-tuned; scoring needs neither the hub nor peft."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from libelle.components import Component, Natural, PartialShare, Positive, PositiveShare
from libelle.errors import UserError, needs_extra
from libelle.features import Dataset
from libelle.files import read_json, write_json
from libelle.memory import require_memory
from libelle.models.base import Training
from libelle.models.network import LossConfig, OptimizerConfig, Shape
from libelle.models.neural import NeuralModel
from libelle.processes.base import Process
from libelle.processes.hub import locate_encoder, reading_encoder
from libelle.processes.pretrained import PretrainedTokens

if TYPE_CHECKING:  # importing torch takes seconds, and lists of models do without
    from torch import nn

    from libelle.models.pretrained_network import EncoderNetwork


@dataclass
class LoRAConfig(Component):
    """Low-rank adapters on all linear layers (Hu et al. 2022; on all layers: Dettmers et al. 2023).

    Attributes:
        rank: of each adapter.
        alpha: an adapter's output is multiplied by `alpha / rank`.
        dropout: share of an adapter's inputs dropped in training.
    """

    rank: Positive = 8
    alpha: Positive = 16
    dropout: PartialShare = 0.05

    def add_to(self, encoder: Any) -> Any:
        """Freeze an encoder and add fresh adapters to it."""
        with needs_extra("model=pretrained", "pretrained"):
            from peft import LoraConfig, get_peft_model
        config = LoraConfig(r=self.rank, lora_alpha=self.alpha, lora_dropout=self.dropout, target_modules="all-linear")
        return get_peft_model(encoder, config)


@dataclass
class Pretrained(NeuralModel):
    """Any encoder that transformers' `AutoModel` knows, without remote code, its weights in safetensors.

    Attributes:
        encoder: name on the Hugging Face hub, or path of a folder; the process's.
        tuning: `full` moves all weights, `frozen` the head alone, `lora` the head and adapters, merged into the
            encoder when training ends.
        pooling: `mean` of the states of all tokens, or `cls`, the first token's.
        dropout: share of pooled states dropped before the head in training.
        layer_decay: each layer's learning rate, as a share of that of the layer above.
        lora: the adapters, for `tuning=lora`.
    """

    conf_name = "pretrained"
    proposed = True
    needs: ClassVar[frozenset[str]] = frozenset({"words", "encoder"})
    padded = True
    predict_tokens: ClassVar[int] = 1 << 13

    encoder: str = "camembert-base"
    tuning: Literal["full", "frozen", "lora"] = "full"
    pooling: Literal["mean", "cls"] = "mean"
    dropout: PartialShare = 0.1
    layer_decay: PositiveShare = 0.9
    lora: LoRAConfig = field(default_factory=LoRAConfig)
    batch_size: Positive = 32
    threads: Natural = 0
    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig(lr=5e-5, warmup=0.1))
    loss: LossConfig = field(default_factory=lambda: LossConfig(label_smoothing=0.0))

    def check(self, process: Process) -> None:
        """Raise `UserError` unless the encoder is there, and is the one that the process tokenizes for."""
        if not isinstance(process, PretrainedTokens):
            raise UserError(
                f"process: model=pretrained reads its encoder's own tokens, not those of {type(process).__name__}; use "
                "process=pretrained."
            )
        if process.encoder != self.encoder:
            raise UserError(
                f"model.encoder={self.encoder} differs from process.encoder={process.encoder}; set model.encoder "
                "alone, and the process follows."
            )
        if self.tuning == "lora":
            with needs_extra("model=pretrained", "pretrained"):
                import peft  # noqa: F401
        skeleton = _skeleton(self.encoder)
        longest = _longest_input(skeleton)
        if longest is not None and process.max_length > longest:
            raise UserError(
                f"process.max_length={process.max_length} is more than the {longest} tokens that "
                f"model.encoder={self.encoder} can read; lower it."
            )
        self._require_room(skeleton)
        known, tokens = skeleton.get_input_embeddings().num_embeddings, process.vocabulary_size()
        if tokens > known:
            raise UserError(
                f"model.encoder={self.encoder} has {known} embeddings, and its tokenizer knows {tokens} tokens; save "
                "the tokenizer that the encoder was trained with."
            )

    def require_room(self) -> None:
        """Raise `UserError` unless the encoder, and what training adds to it, fits into memory."""
        self._require_room(_skeleton(self.encoder))

    def _require_room(self, skeleton: "nn.Module") -> None:
        weights = sum(parameter.numel() for parameter in skeleton.parameters())
        # The weights, and the best ones read back; where all move, their gradients, and two moments of each.
        copies = 5 if self.tuning == "full" else 2
        advice = "set model.tuning=lora or frozen, or choose" if self.tuning == "full" else "choose"
        require_memory(
            4 * copies * weights, f"model: fine-tuning {weights:,} weights", f"{advice} a smaller model.encoder"
        )

    def begin(self, train: Dataset) -> None:
        """Begin with the columns of categories and numbers."""
        network: Any = self.network_
        if network.columns is not None:
            network.columns.start(train.features.table)

    def network(self, shape: Shape, classes: int) -> "EncoderNetwork":
        """Build the network: the encoder as it was pretrained, the head with fresh weights."""
        from libelle.models.pretrained_network import EncoderNetwork

        return EncoderNetwork(_load_encoder(self.encoder), shape, classes, self)

    def fit(self, train: Dataset, validation: Dataset, classes: int, training: Training) -> Self:
        """Fine-tune with Lightning; the weights of the best epoch on `validation` are kept, adapters merged."""
        super().fit(train, validation, classes, training)
        if self.tuning == "lora":
            network: Any = self.network_
            network.encoder = network.encoder.merge_and_unload()
        return self

    def save(self, folder: Path) -> None:
        """Write the folder `encoder`, in transformers' format, with `network.json` and `head.safetensors`."""
        from safetensors.torch import save_file

        about = {"shape": self.shape_.to_json(), "classes": self.classes_}
        write_json(folder / "network.json", about)
        network: Any = self.network_
        columns = {} if network.columns is None else network.columns.state_dict(prefix="columns.")
        save_file({**network.head.state_dict(), "pool": network.pool, **columns}, folder / "head.safetensors")
        network.encoder.save_pretrained(folder / "encoder")

    def load(self, folder: Path) -> Self:
        """Read back what `save` wrote."""
        from safetensors.torch import load_file

        from libelle.models.pretrained_network import EncoderNetwork

        about = read_json(folder / "network.json")
        self.shape_, self.classes_ = Shape(**about["shape"]), about["classes"]
        encoder = _load_encoder(str(folder / "encoder"))
        # The adapters are part of the encoder's weights by now.
        network = EncoderNetwork(encoder, self.shape_, self.classes_, replace(self, tuning="full"))
        head = load_file(folder / "head.safetensors")
        network.pool.copy_(head.pop("pool"))
        if network.columns is not None:
            found = {name: head.pop(f"columns.{name}") for name in network.columns.state_dict()}
            network.columns.load_state_dict(found)
        network.head.load_state_dict(head)
        self.network_ = network.eval()
        return self


def _skeleton(encoder: str) -> Any:
    """An encoder without its weights.

    Raises:
        UserError: when its configuration cannot be read, or it has a decoder.
    """
    import torch

    with reading_encoder(encoder, "configuration"):
        from transformers import AutoConfig, AutoModel

        config: Any = AutoConfig.from_pretrained(
            locate_encoder(encoder), local_files_only=True, trust_remote_code=False
        )
        with torch.device("meta"):
            skeleton: Any = AutoModel.from_config(config, trust_remote_code=False)  # type: ignore[no-untyped-call]
    if getattr(config, "is_encoder_decoder", False):
        raise UserError(f"model.encoder={encoder} is an encoder with a decoder; use an encoder alone.")
    return skeleton


def _longest_input(skeleton: "nn.Module") -> int | None:
    """How many tokens an encoder can read; None where nothing limits them."""
    from torch import nn

    for name, module in skeleton.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            # RoBERTa and its relatives number positions from behind the padding token.
            return module.num_embeddings - (0 if module.padding_idx is None else module.padding_idx + 1)
    return None


def _load_encoder(encoder: str) -> Any:
    """Read an encoder's weights as float32, without the pooler that some have.

    Raises:
        UserError: when they cannot be read, or some are missing.
    """
    import torch

    with reading_encoder(encoder, "weights"):
        from transformers import AutoModel

        loaded, about = AutoModel.from_pretrained(
            locate_encoder(encoder),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    missing = sorted(name for name in about["missing_keys"] if not name.startswith("pooler."))
    if missing:
        raise UserError(
            f"model.encoder={encoder} lacks the weights {missing[0]} and {len(missing) - 1} more; save it again with "
            "save_pretrained of transformers."
        )
    if hasattr(loaded, "pooler"):
        loaded.pooler = None  # made for the task of pretraining; the states are pooled here
    return loaded
