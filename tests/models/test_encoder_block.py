"""What blocks of the transformer compute in fewer products is what is computed by the book."""

import pytest
import torch
from torch.nn import functional

from libelle.models.encoder_block import EncoderBlock
from libelle.models.layers import masked_mean


def block(heads: int, *, norm_first: bool) -> EncoderBlock:
    torch.manual_seed(1)
    made = EncoderBlock(8, heads, 16, 0.5, norm_first=norm_first).eval()
    for layer in (made.projections, made.output):
        torch.nn.init.normal_(layer.bias)
    return made


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of 5, 3 and 1 tokens."""
    torch.manual_seed(2)
    return torch.randn(3, 5, 8), torch.arange(5) < torch.tensor([[5], [3], [1]])


@torch.inference_mode()
def test_a_single_head_attends_as_its_projections_say() -> None:
    one = block(1, norm_first=True)
    states, mask = batch()
    queries, keys, values = one.projections(states).chunk(3, dim=2)
    attended = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=mask[:, None])
    torch.testing.assert_close(one._attend(states, mask), one.output(attended))


@pytest.mark.parametrize("heads", [1, 2])
@torch.inference_mode()
def test_the_average_is_that_of_all_tokens(heads: int) -> None:
    some = block(heads, norm_first=True)
    states, mask = batch()
    torch.testing.assert_close(some.average(states, mask), masked_mean(some(states, mask), mask))


@torch.inference_mode()
def test_the_average_itself_is_dropped_while_training() -> None:
    some = block(1, norm_first=True)
    states, mask = batch()
    assert (some.average(states, mask) != 0).all()
    dropped = (some.train().average(states, mask) == 0).float().mean()
    assert 0 < dropped < 1


def test_an_average_in_half_precision_is_not_infinite() -> None:
    states, mask = torch.full((1, 400, 1), 200.0), torch.ones(1, 400, dtype=torch.bool)
    with torch.autocast("cpu", torch.float16):
        assert masked_mean(states, mask).item() == pytest.approx(200, rel=0.01)


@pytest.mark.parametrize("norm_first", [True, False])
@torch.inference_mode()
def test_tokens_beyond_a_row_do_not_count(norm_first: bool) -> None:
    some = block(1, norm_first=norm_first)
    states, mask = batch()
    alone = some.average(states[1:2, :3], mask[1:2, :3])
    torch.testing.assert_close(some.average(states, mask)[1:2], alone)
