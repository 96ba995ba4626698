"""The network of `pretrained`: an encoder, and a linear head on its pooled states."""

import re
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn

from libelle.models.batches import Batch, by_record
from libelle.models.layers import ColumnEncoder, masked_mean
from libelle.models.network import Shape
from libelle.models.torch_network import Network

if TYPE_CHECKING:
    from libelle.models.pretrained import Pretrained


class EncoderNetwork(Network):
    """An encoder's last states, pooled, and a linear head, which sees categories and numbers beside them."""

    partly_used = True  # an encoder may have layers for other tasks

    def __init__(self, encoder: Any, shape: Shape, classes: int, config: "Pretrained") -> None:
        super().__init__()
        self.encoder: Any = encoder
        self.fields, self.padding = shape.fields, encoder.config.pad_token_id or 0
        self.pooling, self.layer_decay, self.frozen = config.pooling, config.layer_decay, config.tuning == "frozen"
        self.dropout = nn.Dropout(config.dropout)
        self.columns = ColumnEncoder(shape.columns) if shape.columns else None
        beside = 0 if self.columns is None else self.columns.width
        self.head = nn.Linear(encoder.config.hidden_size + beside, classes)
        encoder.requires_grad_(not self.frozen)
        if config.tuning == "lora":
            self.encoder = config.lora.add_to(encoder)
        self.train()

    def train(self, mode: bool = True) -> Self:
        """Set the mode; a frozen encoder stays as it scores, without dropout."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def paths(self, batch: Batch) -> list[Tensor]:
        """Return the head's logits, float32 [rows, classes]."""
        ids, _, _, mask = by_record(batch["words"], batch["word_offsets"], self.fields)
        ids = ids.masked_fill(~mask, self.padding)
        states: Tensor = self.encoder(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        pooled = states[:, 0] if self.pooling == "cls" else masked_mean(states, mask)
        if self.columns is not None:
            pooled = torch.cat([pooled, self.columns.encode(batch)], dim=1)
        return [self.head(self.dropout(pooled))]

    def set_rates(self, groups: list[dict[str, Any]], lr: float) -> list[dict[str, Any]]:
        """Split groups by layer: the head learns at `lr`, each layer below at `layer_decay` times the one above.

        Howard and Ruder 2018, "Universal Language Model Fine-tuning for Text Classification" (discriminative
        fine-tuning); Sun et al. 2019, "How to Fine-Tune BERT for Text Classification?".
        """
        layers = {id(parameter): _layer(name) for name, parameter in self.encoder.named_parameters()}
        highest = max((layer for layer in layers.values() if layer is not None), default=0) + 1
        split: dict[tuple[int, int], dict[str, Any]] = {}
        for number, group in enumerate(groups):
            for parameter in group["params"]:
                if not parameter.requires_grad:
                    continue
                layer = layers.get(id(parameter))
                above = 0 if layer is None else highest - layer
                rate = group.get("lr", lr) * self.layer_decay**above  # tables have one of their own
                split.setdefault((number, above), {**group, "params": [], "lr": rate})["params"].append(parameter)
        return list(split.values())


def _layer(name: str) -> int | None:
    """The number of a parameter's layer: -1 for embeddings, None for what lies above all layers."""
    number = re.search(r"\.(\d+)\.", f".{name}")
    if number:
        return int(number[1])
    return -1 if "embedding" in name else None
