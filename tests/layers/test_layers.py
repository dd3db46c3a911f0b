import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from latentcast.layers.attention import Attention
from latentcast.layers.decomposition import moving_average, moving_average_adjoint
from latentcast.layers.dropout import Dropout
from latentcast.layers.instance_norm import window_scale
from latentcast.layers.losses import point_loss
from latentcast.layers.patching import num_patches, patch
from latentcast.layers.transformer import DecoderLayer, EncoderLayer, sinusoids

odd = st.integers(0, 12).map(lambda k: 2 * k + 1)


@given(time=st.integers(2, 40), kernel=odd)
def test_moving_average_is_the_mean_of_the_neighbourhood(time: int, kernel: int) -> None:
    x = torch.randn(3, time)
    half = kernel // 2
    places = (torch.arange(time)[:, None] + torch.arange(-half, half + 1)).clamp(0, time - 1)
    torch.testing.assert_close(moving_average(x, kernel), x[:, places].mean(-1), rtol=1e-4, atol=1e-5)


@given(time=st.integers(2, 40), kernel=odd)
def test_the_adjoint_moves_the_average_onto_the_weights(time: int, kernel: int) -> None:
    w, x = torch.randn(4, time, dtype=torch.float64), torch.randn(5, time, dtype=torch.float64)
    torch.testing.assert_close(w @ moving_average(x, kernel).T, moving_average_adjoint(w, kernel) @ x.T)


@given(time=st.integers(1, 60), length=st.integers(1, 20), stride=st.integers(1, 12))
def test_patches_against_slices(time: int, length: int, stride: int) -> None:
    tokens = num_patches(time, length, stride)
    if tokens < 1:
        return
    x = torch.randn(2, time)
    padded = torch.cat([x, x[:, -1:].expand(-1, stride)], dim=1)
    by_hand = torch.stack([padded[:, i * stride : i * stride + length] for i in range(tokens)], dim=1)
    got = patch(x, length, stride)
    assert torch.equal(got, by_hand)
    assert (num_patches(time, length, stride) * stride + length) > time  # nothing newer was left out


def test_attention_equals_torch() -> None:
    ours = Attention(12, 3).eval()
    theirs = nn.MultiheadAttention(12, 3, batch_first=True).eval()
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key_value.weight]))
        theirs.in_proj_bias.copy_(torch.cat([ours.query.bias, ours.key_value.bias]))
        theirs.out_proj.load_state_dict(ours.out.state_dict())
    x, context = torch.randn(2, 5, 12), torch.randn(2, 7, 12)
    keep = torch.rand(2, 7) > 0.3
    keep[:, 0] = True
    expected, _ = theirs(x, context, context, key_padding_mask=~keep)
    torch.testing.assert_close(ours(x, context, keep), expected)


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_encoder_layer_equals_torch(norm: str) -> None:
    ours = EncoderLayer(12, 3, 20, 0.0, norm).eval()
    theirs = nn.TransformerEncoderLayer(
        12, 3, 20, 0.0, activation="gelu", batch_first=True, norm_first=norm == "pre"
    ).eval()
    with torch.no_grad():
        _copy_attention(ours.attention, theirs.self_attn)
        theirs.linear1.load_state_dict(ours.feed_forward[0].state_dict())
        theirs.linear2.load_state_dict(ours.feed_forward[3].state_dict())
    x = torch.randn(2, 7, 12)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-5)


def test_decoder_layer_equals_torch() -> None:
    ours = DecoderLayer(12, 3, 20, 0.0).eval()
    theirs = nn.TransformerDecoderLayer(12, 3, 20, 0.0, activation="gelu", batch_first=True).eval()
    with torch.no_grad():
        _copy_attention(ours.itself, theirs.self_attn)
        _copy_attention(ours.memory, theirs.multihead_attn)
        theirs.linear1.load_state_dict(ours.feed_forward[0].state_dict())
        theirs.linear2.load_state_dict(ours.feed_forward[3].state_dict())
    x, memory = torch.randn(2, 5, 12), torch.randn(2, 7, 12)
    causal = nn.Transformer.generate_square_subsequent_mask(5)
    torch.testing.assert_close(ours(x, memory), theirs(x, memory, tgt_mask=causal), rtol=1e-4, atol=1e-5)


def _copy_attention(ours: Attention, theirs: nn.MultiheadAttention) -> None:
    theirs.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key_value.weight]))
    theirs.in_proj_bias.copy_(torch.cat([ours.query.bias, ours.key_value.bias]))
    theirs.out_proj.load_state_dict(ours.out.state_dict())


@pytest.mark.parametrize("p", [0.1, 0.3, 0.5])
def test_dropout_keeps_the_expectation_and_drops_its_share(p: float) -> None:
    torch.manual_seed(0)
    x = torch.ones(401, 1003, requires_grad=True)
    y = Dropout(p).train()(x)
    y.sum().backward()
    assert abs((y == 0).float().mean() - p) < 0.005
    assert abs(y.mean() - 1) < 0.01
    assert torch.equal(x.grad, y.detach())  # gradient through the kept ones only
    assert torch.equal(Dropout(p).eval()(x), x)


def test_dropout_elements_are_independent_of_their_neighbours() -> None:
    torch.manual_seed(0)
    kept = (Dropout(0.5).train()(torch.ones(1_000_000)) > 0).float() - 0.5
    for lag in (1, 2, 7, 8, 16):
        assert abs((kept[lag:] * kept[:-lag]).mean()) < 0.002


def test_window_scale_normalises_what_was_observed_and_comes_back() -> None:
    x = torch.randn(4, 30, 3) * 7 + 5
    scale = window_scale(x)
    normed = scale.apply(x)
    torch.testing.assert_close(normed.mean(1), torch.zeros(4, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(normed.std(1, unbiased=False), torch.ones(4, 3), atol=1e-4, rtol=0)
    torch.testing.assert_close(scale.invert(normed), x)
    seen = torch.rand(4, 30, 3) > 0.3
    spoiled = torch.where(seen, x, torch.full_like(x, 1e3))
    masked = window_scale(spoiled, seen)
    torch.testing.assert_close(masked.loc[1, 0, 2], x[1, :, 2][seen[1, :, 2]].mean())
    constant = window_scale(torch.ones(1, 5, 2))
    assert torch.isfinite(constant.apply(torch.ones(1, 5, 2))).all()


@pytest.mark.parametrize("kind", ["mse", "mae", "huber"])
def test_a_full_mask_changes_no_loss(kind: str) -> None:
    values, target = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    full = torch.ones(2, 3, 4, dtype=torch.bool)
    torch.testing.assert_close(point_loss(kind, values, target, None), point_loss(kind, values, target, full))
    assert point_loss(kind, values, target, ~full) == 0


@pytest.mark.parametrize("width", [6, 7])
def test_sinusoids_by_hand(width: int) -> None:
    table = sinusoids(5, width)
    assert table.shape == (5, width)
    assert table[0, 0] == 0
    assert table[0, 1] == 1
    torch.testing.assert_close(table[3, 2], torch.sin(3 / torch.tensor(10_000.0) ** (2 / width)))


def test_merging_and_unmerging_by_attention_with_several_heads_by_hand() -> None:
    from latentcast.layers.compression import AttentionDown, AttentionUp

    torch.manual_seed(0)
    x = torch.randn(2, 6, 5)
    merge = AttentionDown(3, 5, 4, heads=2)
    torch.nn.init.normal_(merge.place)
    found = merge(x)
    for head in range(2):
        own = slice(2 * head, 2 * head + 2)
        scores = x @ merge.score.weight[head] + merge.place[:, head].repeat(2)
        for window in (0, 1):
            steps = slice(3 * window, 3 * window + 3)
            weights = scores[:, steps].softmax(1)
            mixed = (weights[..., None] * x[:, steps]).sum(1)
            wanted = mixed @ merge.value.weight[own].T + merge.value.bias[own]
            torch.testing.assert_close(found[:, window, own], wanted)
    split = AttentionUp(3, 5, 4, heads=2)
    one = AttentionUp(3, 5, 2)
    with torch.no_grad():  # the second head by itself
        one.value.weight.copy_(split.value.weight[2:])
        one.value.bias.copy_(split.value.bias[2:])
        one.score.weight.copy_(split.score.weight[1::2])
        one.place.copy_(split.place[1::2])
    torch.testing.assert_close(split(x)[..., 2:], one(x))
    assert split(x).shape == (2, 18, 4)
    assert AttentionDown(3, 5, 4).place.shape == (3,)
