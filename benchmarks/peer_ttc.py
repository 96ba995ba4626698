"""torchTextClassifiers 2.0 on the rows that benchmarks/peers.py wrote; run by it, in an environment without libelle.

Its n-gram tokenizer over words and their n-grams of 3 to 6 characters, averaged embeddings, Adam, early stopping: the
settings of its own examples, with a size and a rate that suit sets of ten thousand rows.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from torchTextClassifiers import ModelConfig, TrainingConfig, torchTextClassifiers
from torchTextClassifiers.tokenizers import NGramTokenizer

folder = Path(sys.argv[1])
given = json.loads((folder / "given.json").read_text(encoding="utf-8"))
pl.seed_everything(given["seed"])
classes = given["classes"]
started = time.perf_counter()
tokenizer = NGramTokenizer(
    min_count=1, min_n=3, max_n=6, num_tokens=50_000, len_word_ngrams=2, training_text=given["train"]
)
classifier = torchTextClassifiers(tokenizer, ModelConfig(embedding_dim=96, num_classes=classes))
settings = TrainingConfig(
    num_epochs=20,
    batch_size=128,
    lr=4e-3,
    patience_early_stopping=3,
    num_workers=0,
    accelerator="cpu",
    raw_categorical_inputs=False,
    raw_labels=False,
    save_path=str(folder / "model"),
    trainer_params={"enable_progress_bar": False, "logger": True},
)
texts, targets = np.array(given["train"], dtype=object), np.array(given["targets"])
classifier.train(texts, targets, settings, np.array(given["tables"][0], dtype=object), np.array(given["validation"]))
fitted = time.perf_counter()
model, seconds = classifier.pytorch_model.eval(), 0.0
for number, table in enumerate(given["tables"]):
    begun = time.perf_counter()
    parts = []
    for start in range(0, len(table), 256):
        # Not by `predict`, which rounds scores to two digits.
        tokens = tokenizer.tokenize(table[start : start + 256])
        with torch.inference_mode():
            logits = model(tokens.input_ids, tokens.attention_mask, torch.empty((len(tokens.input_ids), 0)))
        parts.append(logits.softmax(1).numpy())
    seconds = time.perf_counter() - begun
    np.save(folder / f"{number}.npy", np.concatenate(parts))
(folder / "timing.json").write_text(json.dumps({"training": fitted - started, "scoring": seconds}), encoding="utf-8")
