"""Networks: deterministic, independent of the batch, saved without pickle; loss, optimiser and schedule by hand."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import torch

from helpers.tiny import make_forms, tiny_plan
from libelle.errors import UserError
from libelle.features import Dataset, Features
from libelle.models.base import Training, label_weights
from libelle.models.batches import Batch
from libelle.models.layers import drop_ngrams
from libelle.models.lightning import Classifier
from libelle.models.mlp import MLP
from libelle.models.network import LossConfig, OptimizerConfig, Shape
from libelle.models.neural import NeuralModel
from libelle.models.optimizers import SparseAdamW, make_schedule
from libelle.models.pool_weights import equal_weights, fit_weights
from libelle.models.torch_network import Network
from libelle.models.transformer import Transformer
from libelle.processes.tokens import Tokens
from libelle.training.workflow import full

SMALL = {"hidden": [8], "ngram_dim": 4, "ngram_hidden": []}
MODELS = {
    "mlp": lambda: MLP(**SMALL, word_dim=8),
    "mlp fused": lambda: MLP(**SMALL, word_dim=8, fusion="fused", first_words=1),
    "mlp_lstm": lambda: MLP(**SMALL, word_dim=8, word_encoder="lstm", lstm=[6, 4]),
    "mlp_fusion": lambda: MLP(**SMALL, word_dim=8, word_encoder="lstm", lstm=[6], fusion="fused"),
    "transformer": lambda: Transformer(**SMALL, dim=8, heads=2, feed_forward=16),
    "transformer of two post-norm blocks": lambda: Transformer(dim=8, heads=2, blocks=2, norm_first=False, wide=False),
    "transformer of one head": lambda: Transformer(**SMALL, dim=8, feed_forward=16),
}


@pytest.fixture(scope="module")
def data() -> Dataset:
    forms = make_forms(90)
    fields = forms[["employer", "job", "town"]]
    features = Tokens().fit(fields, forms["label"]).transform(fields)
    return Dataset(features, forms["label"].astype("int64").to_numpy())


def trained(model: NeuralModel, data: Dataset, folder: Path, **options: object) -> NeuralModel:
    trainer = {"max_epochs": 1, "accelerator": "cpu", **options}
    return model.fit(data, data, 2, Training(folder, seed=3, trainer=trainer))


@pytest.mark.parametrize("name", MODELS)
def test_scores_are_probabilities_that_do_not_depend_on_the_batch(name: str, data: Dataset, tmp_path: Path) -> None:
    model = trained(MODELS[name](), data, tmp_path)
    together = model.predict_proba(data.features)
    assert together.dtype == np.float32
    np.testing.assert_allclose(together.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(together, model.predict_proba(data.features))
    alone = np.concatenate([model.predict_proba(data.features.take(np.array([row]))) for row in range(len(data))])
    np.testing.assert_allclose(alone, together, atol=1e-6)
    assert model.predict_proba(data.features.take(np.array([], dtype=np.int64))).shape == (0, 2)


@pytest.mark.parametrize("name", MODELS)
def test_what_is_saved_scores_the_same(name: str, data: Dataset, tmp_path: Path) -> None:
    model = trained(MODELS[name](), data, tmp_path)
    saved = tmp_path / "saved"
    saved.mkdir()
    model.save(saved)
    again = MODELS[name]().load(saved)
    np.testing.assert_array_equal(again.predict_proba(data.features), model.predict_proba(data.features))
    assert {path.name for path in saved.iterdir()} == {"network.json", "weights.safetensors"}


TABLES = ("words.table.weight", "words.words.weight", "ngrams.weight")


@pytest.mark.parametrize(
    ("model", "classes", "sizes"),
    [
        (MLP(), 2, (16, 16)),
        (MLP(), 10, (16, 16)),
        (MLP(), 11, (64, 64)),
        (MLP(word_dim=24, ngram_dim=48), 2, (24, 48)),
        (MLP(word_encoder="lstm"), 2, (16, 16)),
        (Transformer(), 2, (32, 16)),
        (Transformer(), 11, (32, 64)),
    ],
)
def test_few_classes_have_small_embeddings(model: NeuralModel, classes: int, sizes: tuple[int, int]) -> None:
    with torch.device("meta"):
        network = model.network(Shape(fields=2, words=30, longest=5, parts=50), classes)
    found = {name.split(".")[0]: weight.shape[1] for name, weight in network.named_parameters() if name in TABLES}
    assert found == dict(zip(("words", "ngrams"), sizes, strict=True))


def test_given_vectors_are_mapped_to_the_larger_size() -> None:
    with torch.device("meta"):
        network = MLP().network(Shape(fields=2, words=30, longest=5, parts=0, vectors=100), 2)
    assert network.state_dict()["words.words.map.weight"].shape == (64, 100)


def test_the_first_words_are_seen_in_their_place(tmp_path: Path) -> None:
    texts = pd.DataFrame({"job": ["chef cuisine", "cuisine chef"] * 100}, dtype="str")
    targets = np.array([0, 1] * 100)
    features = Tokens(ngrams=False).fit(texts, pd.Series(targets.astype(str))).transform(texts)
    data = Dataset(features, targets)
    scores = {
        first: trained(MLP(hidden=[8], word_dim=8, first_words=first), data, tmp_path, max_epochs=20).predict_proba(
            features
        )
        for first in (0, 1)
    }
    np.testing.assert_allclose(scores[0][0], scores[0][1], atol=1e-6)
    assert (scores[1].argmax(1) == targets).all()


def test_the_seed_decides(data: Dataset, tmp_path: Path) -> None:
    first, second = (trained(MODELS["mlp"](), data, tmp_path).predict_proba(data.features) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_without_ngrams_there_is_the_path_of_the_words_alone(tmp_path: Path) -> None:
    plan = tiny_plan(tmp_path, process=Tokens(ngrams=False), model=MODELS["mlp"]())
    assert full(plan).value > 0.5


def test_a_model_learns_what_the_words_say(tmp_path: Path) -> None:
    plan = tiny_plan(tmp_path, trainer={"max_epochs": 12, "accelerator": "cpu"})
    assert full(plan).metrics["test"]["roc_auc"] > 0.8


def test_a_label_without_training_rows_does_not_stop_a_run(tmp_path: Path) -> None:
    forms = make_forms(120)
    forms["split"] = ["train"] * 80 + ["validation"] * 20 + ["test"] * 20
    forms.loc[119, "label"] = "2"
    forms.to_csv(tmp_path / "forms.csv", index=False)
    plan = tiny_plan(tmp_path)
    plan.source.split.column = "split"
    metrics = full(plan).metrics
    assert metrics["test"]["classes"]["2"]["rows"] == 1
    assert metrics["test"]["log_loss"] > 0


def test_training_that_diverges_is_one_sentence(data: Dataset, tmp_path: Path) -> None:
    model = MLP(**SMALL, optimizer=OptimizerConfig(lr=1e30))
    with pytest.raises(UserError, match=r"model\.optimizer\.lr"):
        trained(model, data, tmp_path, max_epochs=3)


@pytest.mark.parametrize(("weights", "gamma"), [("none", 0.0), ("balanced", 0.0), ("none", 2.0), ("balanced", 2.0)])
def test_loss_by_hand(weights: str, gamma: float) -> None:
    network = MLP().network
    counts = torch.tensor([30.0, 10.0])
    config = LossConfig(class_weights=weights, focal_gamma=gamma)  # type: ignore[arg-type]
    classifier = Classifier(network, config, OptimizerConfig(), counts)  # type: ignore[arg-type]
    logits, targets = torch.tensor([[2.0, -1.0], [0.5, 0.0], [-1.0, 1.0]]), torch.tensor([0, 1, 1])
    chosen = logits.softmax(1)[torch.arange(3), targets]
    weight = torch.tensor([40 / (2 * 30), 40 / (2 * 10)])[targets] if weights == "balanced" else torch.ones(3)
    expected = (weight * (1 - chosen) ** gamma * -chosen.log()).sum() / weight.sum()
    torch.testing.assert_close(classifier.loss(logits, targets, 0.0), expected)


def test_balanced_labels_weigh_what_they_weigh_in_models_without_a_network() -> None:
    weights = np.array([3.5, 3.5, 2.4, 0.6])
    targets = np.array([0, 0, 0, 2])  # and a label without training rows
    counts = torch.bincount(torch.from_numpy(targets), torch.from_numpy(weights), minlength=3)
    classifier = Classifier(MLP().network, LossConfig(class_weights="balanced"), OptimizerConfig(), counts)  # type: ignore[arg-type]
    found = classifier.class_weights
    assert found is not None
    expected = label_weights(Dataset(Features(4), targets, weights), balanced=True)
    np.testing.assert_allclose(found[[0, 2]], expected)
    assert found[1] == 10 / 2


class TwoPaths(Network):
    def paths(self, batch: Batch) -> list[torch.Tensor]:
        return [batch["good"], batch["noise"]]


class Returns(Network):
    """A network of somebody's own, whose paths may be anything."""

    change: ClassVar[Callable[[torch.Tensor], object]]

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(2))

    def paths(self, batch: Batch) -> Any:
        rows = (len(batch["word_offsets"]) - 1) // 3
        return type(self).change(self.weight.expand(rows, 2))


@dataclass
class Own(NeuralModel):
    needs: ClassVar[frozenset[str]] = frozenset({"words"})

    def network(self, shape: Shape, classes: int) -> Any:
        return Returns()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda logits: logits, "a Tensor, which is no list"),
        (lambda logits: [logits, logits], "2 paths where 1 of them is declared"),
        (lambda logits: [], "0 paths where 1 of them is declared"),
        (lambda logits: [logits.tolist()], "a list as a path, which is no tensor"),
        (lambda logits: [logits[:, :1]], r"float32 of shape \(90, 1\) for 90 rows and 2 labels"),
        (lambda logits: [logits[:, 0]], r"float32 of shape \(90,\) for 90 rows"),
        (lambda logits: [logits.repeat(3, 1)], r"float32 of shape \(270, 2\) for 90 rows"),
        (lambda logits: [logits.long()], r"int64 of shape \(90, 2\)"),
    ],
)
def test_paths_of_a_network_of_ones_own_are_checked(
    change: Callable[[torch.Tensor], object], words: str, data: Dataset, tmp_path: Path
) -> None:
    Returns.change = staticmethod(change)
    with pytest.raises(UserError, match=rf"the network Returns returned {words}.*let paths\(\) return a list"):
        trained(Own(batch_size=90), data, tmp_path)


def test_the_pool_trusts_the_path_that_is_right_and_calibrates_it() -> None:
    generator = torch.Generator().manual_seed(1)
    targets = torch.arange(3).repeat(100)
    good = torch.nn.functional.one_hot(targets, 3) + torch.randn(300, 3, generator=generator) / 2
    noise = torch.randn(300, 3, generator=generator)
    network = TwoPaths([False, False])
    classifier = Classifier(network, LossConfig(), OptimizerConfig(), torch.ones(3))
    loss = partial(classifier.loss, smoothing=0.0)
    weights = fit_weights([good, noise], targets, equal_weights(network.margins), loss)
    assert weights[0] > 10 * weights[1] > 0
    batch = {"good": good, "noise": noise}
    before = classifier.loss(network(batch), targets, 0.0)
    network.pool.copy_(weights)
    assert classifier.loss(network(batch), targets, 0.0) < before
    assert not weights.requires_grad


def test_dropped_ngrams_are_left_out_and_the_others_make_up_for_them() -> None:
    torch.manual_seed(1)
    ngrams, offsets = torch.arange(2000), torch.tensor([0, 500, 500, 2000])
    kept, ends, weights = drop_ngrams(ngrams, offsets, torch.ones(2000), 0.5)
    assert ends[0] == 0
    assert ends[1] == ends[2] == (kept < 500).sum()
    assert ends[3] == len(kept) == len(weights)
    assert weights.sum().item() == pytest.approx(2000, rel=0.1)
    assert drop_ngrams(ngrams, offsets, torch.ones(2000), 0.0)[0] is ngrams


def test_rows_of_a_table_move_by_adagrad_and_dense_weights_by_adamw() -> None:
    torch.manual_seed(0)
    table = torch.nn.EmbeddingBag(6, 3, mode="sum", sparse=True)
    optimizer = SparseAdamW(table.parameters(), lr=0.1)
    expected, squares = table.weight.detach().clone(), torch.zeros(6)
    for step in range(3):
        ids = torch.tensor([[step, 3, 3]])
        optimizer.zero_grad()
        loss = (table(ids) ** 2).sum()
        gradient = torch.autograd.grad(loss, table.weight, retain_graph=True)[0].to_dense()
        squares += gradient.square().mean(1)
        touched = [step, 3]
        expected[touched] -= 0.1 * gradient[touched] / squares[touched].sqrt().unsqueeze(1)
        loss.backward()
        optimizer.step()
    torch.testing.assert_close(table.weight, expected)
    dense, other = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    other.load_state_dict(dense.state_dict())
    for module, each in ((dense, SparseAdamW(dense.parameters())), (other, torch.optim.AdamW(other.parameters()))):
        module(torch.ones(1, 3)).sum().backward()
        each.step()
    torch.testing.assert_close(dense.weight, other.weight)


@pytest.mark.parametrize(
    ("schedule", "warmup", "expected"),
    [
        ("constant", 0.0, [1, 1, 1, 1]),
        ("linear", 0.0, [1, 0.75, 0.5, 0.25]),
        ("cosine", 0.0, [1, 0.8535534, 0.5, 0.1464466]),
        ("constant", 0.5, [1 / 3, 2 / 3, 1, 1]),
    ],
)
def test_schedules(schedule: str, warmup: float, expected: list[float]) -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    config = OptimizerConfig(lr=1.0, schedule=schedule, warmup=warmup)  # type: ignore[arg-type]
    scheduler = make_schedule(optimizer, config, steps=4)
    rates = []
    for _ in range(4):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates == pytest.approx(expected)


def test_a_text_of_a_megabyte_is_scored(data: Dataset, tmp_path: Path) -> None:
    forms = make_forms(60)
    fields = forms[["employer", "job", "town"]]
    process = Tokens().fit(fields, forms["label"])
    long = pd.DataFrame({"employer": ["mot " * 250_000], "job": ["x" * 1_000_000], "town": [None]}, dtype="str")
    targets = forms["label"].astype("int64").to_numpy()
    model = trained(MODELS["transformer"](), Dataset(process.transform(fields), targets), tmp_path)
    assert model.predict_proba(process.transform(long)).shape == (1, 2)
