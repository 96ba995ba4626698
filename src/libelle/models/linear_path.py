"""The linear path: a support vector machine on all n-grams of a record, one class against the others.

It is solved, not stepped towards: the least of the squared hinge loss with an L2 penalty, as LIBLINEAR finds it (Fan et
al. 2008), here without ever writing down which n-grams a record holds. The rows are `A @ G`, items of records times
parts of items, both sparse and small (`linear_rows.py`), so a product with them costs a tenth of one with the matrix
itself, or less.

The solver is a truncated Newton method, as LIBLINEAR's for large sets (Lin, Weng and Keerthi 2008, "Trust Region Newton
Method for Large-Scale Logistic Regression"), of all classes at once. Weights are sums of rows, so they are held as the
coefficients of the rows: of these there are fewer than of n-grams, by far.

Each class sees the n-grams scaled by what they say of it (`count_ratios.py`); the weights that are kept have the scales
in them.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from libelle.features import Features, Floats, Ints
from libelle.models.batches import Batch
from libelle.models.count_ratios import squared_scales
from libelle.models.layers import sum_items
from libelle.models.linear_rows import Kernel, Rows
from libelle.models.network import Shape
from libelle.models.sums import sum_rows

#: Newton steps at most, and steps of conjugate gradients in each.
_NEWTON, _GRADIENTS = 40, 10
#: Conjugate gradients end at this share of the gradient, and all ends at that share of the first one.
_INNER, _OUTER = 0.3, 1e-3
#: How often a step is halved at most.
_HALVINGS = 8
_TINY = 1e-12
#: Weights that are solved for at once, a class at least: memory stays bounded with any number of classes.
_CELLS = 1 << 24
#: Arrays of rows and columns, and of parts and columns, that stand beside each other while it is solved.
_OF_ROWS, _OF_PARTS = 14, 8


class LinearPath(nn.EmbeddingBag):
    """Margins as a linear function of the weights of all n-grams of a record.

    Words and their sequences have weights by field, n-grams of characters the same in all fields. Categories
    and numbers have weights by column; their values stand beside the text, which is of length 1. `learn` solves it;
    training by steps leaves it as it is.
    """

    constant: Tensor
    columns: Tensor

    def __init__(self, shape: Shape, classes: int) -> None:
        super().__init__(shape.parts, classes, mode="sum", include_last_offset=True, sparse=True)
        self.weight.requires_grad_(False).zero_()
        self.register_buffer("constant", torch.zeros(classes))
        self.fields = shape.fields
        if shape.columns:
            self.register_buffer("columns", torch.zeros(shape.columns, classes))

    def learn(self, features: Features, targets: Ints, row_weights: npt.NDArray[np.floating], cost: float) -> None:
        """Find the weights of the least loss.

        Args:
            features: of the training rows.
            targets: int64 [rows].
            row_weights: [rows], what each row counts for.
            cost: what the loss of a row of weight 1 weighs against the penalty.
        """
        classes = len(self.constant)
        # Of two classes, the margin of one is that of the other, turned around.
        columns = np.array([1]) if classes == 2 else np.arange(classes)
        signs = np.where(targets[:, None] == columns, np.float32(1), np.float32(-1))
        weights, constant = solve(Rows.of(features), signs, row_weights, cost)
        parts = len(self.weight)
        learnt_by = [(self.weight, weights[:parts]), (self.constant, constant)]
        if len(weights) > parts:
            learnt_by.append((self.columns, weights[parts:]))
        for learnt, found in learnt_by:
            both = np.stack([-found[..., 0], found[..., 0]], axis=-1) if classes == 2 else found
            learnt.copy_(torch.from_numpy(both))

    def logits(self, batch: Batch) -> Tensor:
        """Return margins, float32 [rows, classes]."""
        items: Tensor = self(batch["parts"], batch["part_offsets"], batch["part_weights"])
        by_text = sum_items(batch, items, batch["record_weights"])
        margins = by_text.view(self.fields, -1, items.shape[1]).sum(0) + self.constant
        if "columns" not in batch:
            return margins
        values = batch["columns"], batch["column_offsets"], batch["column_weights"]
        return margins + sum_rows(self.columns, *values, sparse=False)


def solve(rows: Rows, signs: Floats, weights: npt.NDArray[np.floating], cost: float) -> tuple[Floats, Floats]:
    """Weights of the least loss.

    Args:
        rows: the training rows.
        signs: float32 [rows, columns], 1 where a row is of the column's class, else -1.
        weights: [rows], what each row counts for.
        cost: what the loss of a row of weight 1 weighs against the penalty.

    Returns:
        Weights, float32 [parts, columns], and constants, float32 [columns].
    """
    columns = signs.shape[1]
    found, constants = np.empty((rows.parts.shape[1], columns), np.float32), np.empty(columns, np.float32)
    size = _at_once(len(signs), *rows.parts.shape)
    for some in (slice(start, start + size) for start in range(0, columns, size)):
        found[:, some], constants[some] = _solve(rows, signs[:, some], weights, cost)
    return found, constants


def bytes_to_solve(rows: int, parts: int, columns: int) -> int:
    """What `solve` holds at most, beside the rows, its result and a few arrays of `_CELLS` numbers for their items."""
    together = min(columns, _at_once(rows, parts))
    return 4 * (rows * columns + (_OF_ROWS * rows + _OF_PARTS * parts) * together)


def _at_once(*sizes: int) -> int:
    """How many columns of so many numbers are solved for at once."""
    return max(1, _CELLS // max(sizes))


def _solve(rows: Rows, signs: Floats, weights: npt.NDArray[np.floating], cost: float) -> tuple[Floats, Floats]:
    scales = squared_scales(rows, signs, weights)
    kernel = Kernel.of(rows, scales)
    costs = (cost * weights).astype(np.float32)[:, None]
    coefficients = np.zeros_like(signs)
    margins = np.zeros_like(signs)
    live = np.arange(signs.shape[1])  # classes that are not there yet
    first: Floats | None = None
    for _ in range(_NEWTON):
        found, at, sign = coefficients[:, live], margins[:, live], signs[:, live]
        inside = sign * at < 1
        gradient = found - 2 * costs * np.where(inside, sign - at, 0)
        applied = kernel(gradient)
        size = (gradient * applied).sum(0)
        first = size if first is None else first
        going = size > _OUTER**2 * first[live]
        if not going.any():
            break
        live, found, at, sign, inside = live[going], found[:, going], at[:, going], sign[:, going], inside[:, going]
        kernel = kernel.columns(going)
        step, moved = _newton(kernel, gradient[:, going], applied[:, going], 2 * costs * inside)
        share = _step_size(found, at, step, moved, sign, costs)
        coefficients[:, live] = found + share * step
        margins[:, live] = at + share * moved
    return scales * rows.transposed_times(coefficients), coefficients.sum(0)


def _newton(kernel: Kernel, gradient: Floats, applied: Floats, curvature: Floats) -> tuple[Floats, Floats]:
    """The step that conjugate gradients find, and what it changes in the margins, both float32 [rows, columns]."""
    step, moved = np.zeros_like(gradient), np.zeros_like(gradient)
    residual, of_residual = -gradient, -applied
    direction, of_direction = residual, of_residual
    size = (residual * of_residual).sum(0)
    enough = _INNER**2 * size
    for _ in range(_GRADIENTS):
        bent = direction + curvature * of_direction
        length = np.where(size > enough, size / np.maximum((of_direction * bent).sum(0), _TINY), 0).astype(np.float32)
        step, moved = step + length * direction, moved + length * of_direction
        residual = residual - length * bent
        if (size <= enough).all():
            break
        of_residual = kernel(residual)
        previous, size = size, (residual * of_residual).sum(0)
        share = (size / np.maximum(previous, _TINY)).astype(np.float32)
        direction, of_direction = residual + share * direction, of_residual + share * of_direction
    return step, moved


def _step_size(found: Floats, at: Floats, step: Floats, moved: Floats, sign: Floats, costs: Floats) -> Floats:
    """The largest of 1, 1/2, 1/4, … at which a step makes the loss of its class less, float32 [columns]."""
    across, along = (step * at).sum(0), (step * moved).sum(0)

    def change(share: Floats) -> Floats:
        """By how much the penalty and the losses change."""
        losses = (costs * np.maximum(1 - sign * (at + share * moved), 0) ** 2).sum(0)
        changed: Floats = share * across + share**2 * along / 2 + losses
        return changed

    share = np.ones(found.shape[1], dtype=np.float32)
    before = change(np.zeros_like(share))
    for _ in range(_HALVINGS):
        worse = change(share) > before
        if not worse.any():
            break
        share = np.where(worse, share / 2, share)
    return share
