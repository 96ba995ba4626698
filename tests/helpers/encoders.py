"""Tiny encoders with random weights on disk, and the process and model that go with one."""

from pathlib import Path

import pytest
import torch

from helpers.tiny import EMPLOYERS, JOBS, TOWNS
from libelle.models.network import OptimizerConfig
from libelle.models.pretrained import Pretrained
from libelle.processes.pretrained import PretrainedTokens

TEXTS = [*EMPLOYERS, *TOWNS, *(job for jobs in JOBS.values() for job in jobs), "employer :", "job :", "town :"]
SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


def make_bert(folder: Path) -> str:
    transformers = pytest.importorskip("transformers")
    from tokenizers import BertWordPieceTokenizer

    trained = BertWordPieceTokenizer()
    trained.train_from_iterator(TEXTS, vocab_size=200, min_frequency=1, show_progress=False)
    special = {"unk": "[UNK]", "sep": "[SEP]", "cls": "[CLS]", "mask": "[MASK]", "pad": "[PAD]"}
    names = {f"{name}_token": token for name, token in special.items()}
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=trained._tokenizer, **names)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(tokenizer), max_position_embeddings=64, pad_token_id=tokenizer.pad_token_id, **SIZES
    )
    transformers.BertForMaskedLM(config).save_pretrained(folder)
    return str(folder)


def make_camembert(folder: Path) -> str:
    transformers = pytest.importorskip("transformers")
    from tokenizers import ByteLevelBPETokenizer

    trained = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained.train_from_iterator(TEXTS, vocab_size=320, special_tokens=special, show_progress=False)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=trained._tokenizer, cls_token="<s>", bos_token="<s>", sep_token="</s>", eos_token="</s>",
        unk_token="<unk>", pad_token="<pad>", mask_token="<mask>",
    )  # fmt: skip
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.CamembertConfig(
        vocab_size=len(tokenizer), max_position_embeddings=66, pad_token_id=1, bos_token_id=0, eos_token_id=2, **SIZES
    )
    transformers.CamembertModel(config).save_pretrained(folder)
    return str(folder)


def pair(encoder: str, **keys: object) -> dict[str, object]:
    optimizer = OptimizerConfig(lr=1e-2)
    return {
        "process": PretrainedTokens(encoder=encoder, max_length=64),
        "model": Pretrained(encoder=encoder, optimizer=optimizer, **keys),
        "cleaners": {},
    }
