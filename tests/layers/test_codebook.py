"""Codebook, codec, causal attention with a cache, rotary positions, sampling: each against something else."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from latentcast.core.errors import SettingsError
from latentcast.core.types import Task, Tokens
from latentcast.layers.code_sampling import Draw, chances
from latentcast.layers.codebook import Codebook
from latentcast.layers.rotary_embedding import rotate
from latentcast.layers.vq_codec import Codec, CodecSettings
from latentcast.models.backbones.causal import Causal, CausalSettings
from latentcast.models.representations.patch import Patch, PatchSettings

SMALL = {"hidden": 12, "blocks": 2, "code_dim": 5, "codebook_size": 17}
KINDS = [
    {"quantizer": "vq"},
    {"quantizer": "residual", "levels": 3},
    {"quantizer": "fsq", "grid": (5, 4)},
    {"quantizer": "bsq", "bits": 6},
]


def codebook(kind: str = "vq", levels: int = 2) -> Codebook:
    torch.manual_seed(0)
    return Codebook(kind, 5, 17, levels, (5, 4), decay=0.9, commitment=0.25, revive=0.2)


@pytest.mark.parametrize("kind", ["vq", "residual", "fsq", "bsq"])
def test_a_vector_becomes_the_sum_of_the_entries_of_its_codes(kind: str) -> None:
    book = codebook(kind)
    z = torch.randn(3, 7, 5)
    vectors, codes = book(z)
    assert codes.shape == (3, 7, book.levels)
    assert codes.min() >= 0
    assert codes.max() < book.size
    torch.testing.assert_close(vectors, book.lookup(codes))


def test_the_nearest_entry_is_chosen() -> None:
    book, z = codebook(), torch.randn(3, 7, 5)
    brute = torch.cdist(z, book.entries()[0].expand(3, -1, -1)).argmin(-1)
    assert torch.equal(book(z)[1][..., 0], brute)


def test_a_further_codebook_codes_what_is_left() -> None:
    book, z = codebook("residual", 2), torch.randn(3, 7, 5)
    first, second = book.entries()
    codes = book(z)[1]
    rest = z - first[codes[..., 0]]
    assert torch.equal(codes[..., 1], torch.cdist(rest, second.expand(3, -1, -1)).argmin(-1))


def test_the_bits_of_a_sphere_by_hand() -> None:
    """Signs of the mapped vector, the first bits being the first code; the corner nearest to it is mapped back."""
    torch.manual_seed(0)
    book = Codebook("bsq", 5, 0, 2, (3,), decay=0.9, commitment=0.25, revive=0.2, bits=6)
    assert (book.size, book.levels) == (8, 2)
    sphere, z = book.sphere, torch.randn(2, 4, 5)
    assert sphere is not None
    signs = sphere.into(z) > 0
    vectors, codes = book(z)
    number = signs[1, 2].tolist()
    assert codes[1, 2].tolist() == [sum(2**n for n in range(3) if number[at + n]) for at in (0, 3)]
    corner = torch.where(signs, 1.0, -1.0) / 6**0.5
    torch.testing.assert_close(vectors, sphere.out(corner))
    assert torch.allclose(corner.norm(dim=-1), torch.ones(2, 4))


def test_the_entropy_of_bits_is_that_of_all_codes() -> None:
    """Against the table of all codes of vector-quantize-pytorch's spherical quantiser, for the same temperature."""
    from vector_quantize_pytorch import LFQ

    from latentcast.layers.binary_codebook import SHARPNESS, _entropy

    torch.manual_seed(0)
    book = Codebook("bsq", 5, 0, 1, (3,), decay=0.9, commitment=0.25, revive=0.2, bits=5)
    theirs = LFQ(dim=5, codebook_size=32, spherical=True, diversity_gamma=0.0).train()
    assert book.sphere is not None
    direction = book.sphere._direction(torch.randn(2, 9, 5))
    on = torch.sigmoid(4 * SHARPNESS / 5**0.5 * direction)
    wanted = theirs(direction, inv_temperature=SHARPNESS, return_loss_breakdown=True)[1]
    torch.testing.assert_close(_entropy(on).sum(-1).mean(), wanted.per_sample_entropy, rtol=1e-3, atol=1e-3)
    of_codes = book.sphere._entropy_of_codes(on.flatten(0, 1))
    torch.testing.assert_close(of_codes, wanted.batch_entropy, rtol=1e-3, atol=1e-3)


def test_bits_that_copy_each_other_are_not_balanced_codes() -> None:
    """Four bits that are always equal are two codes of 16: log 2. Independent ones are all 16: log 16."""
    book = Codebook("bsq", 5, 0, 1, (3,), decay=0.9, commitment=0.25, revive=0.2, bits=4)
    assert book.sphere is not None
    sign = torch.arange(64) % 2
    copies = sign[:, None].expand(64, 4).float()
    every = ((torch.arange(64)[:, None] >> torch.arange(4)) & 1).float()
    torch.testing.assert_close(book.sphere._entropy_of_codes(copies), torch.tensor(2.0).log(), atol=1e-3, rtol=0)
    torch.testing.assert_close(book.sphere._entropy_of_codes(every), torch.tensor(16.0).log(), atol=1e-3, rtol=0)
    wide = Codebook("bsq", 5, 0, 2, (3,), decay=0.9, commitment=0.25, revive=0.2, bits=20)  # two groups of 5 a level
    assert wide.sphere is not None
    half = torch.full((3, 20), 0.5)
    torch.testing.assert_close(wide.sphere._entropy_of_codes(half), 20 * torch.tensor(2.0).log(), atol=1e-3, rtol=0)


def test_learning_signs_uses_both_values_of_each_bit() -> None:
    """Most vectors are on one side of the planes: the penalty turns these until each bit has both values as often."""
    torch.manual_seed(0)
    book = Codebook("bsq", 5, 0, 1, (3,), decay=0.9, commitment=0.25, revive=0.2, bits=4, entropy=1.0)
    assert book.sphere is not None
    z = torch.randn(16, 20, 5) + 1
    assert (book.sphere.into(z) > 0).float().mean((0, 1)).sub(0.5).abs().max() > 0.4
    optimiser = torch.optim.Adam(book.parameters(), lr=0.02)
    for _ in range(150):
        optimiser.zero_grad()
        book.learn(z)[1].backward()
        optimiser.step()
    assert (book.sphere.into(z) > 0).float().mean((0, 1)).sub(0.5).abs().max() < 0.1


def test_the_first_level_alone_is_its_entry() -> None:
    book, z = codebook("residual", 2), torch.randn(3, 7, 5, requires_grad=True)
    first = book.coarse(z)
    torch.testing.assert_close(first, book.entries()[0][book(z)[1][..., 0]])
    first.sum().backward()
    assert z.grad is not None


def test_bits_that_cannot_be_shared_out_are_refused() -> None:
    with pytest.raises(ValidationError, match="7 bits cannot be shared out evenly over 2 codes"):
        CodecSettings(quantizer="bsq", bits=7)


@pytest.mark.parametrize("kind", ["vq", "residual"])
def test_only_learning_moves_the_entries_towards_the_data(kind: str) -> None:
    book = codebook(kind)
    centres = 10 * torch.randn(17, 5)
    z = (centres[torch.randint(17, (8, 40))] + 0.01 * torch.randn(8, 40, 5)).requires_grad_()
    before = book.entries().clone()
    vectors, _ = book.train()(z)
    vectors.sum().backward()
    assert torch.equal(z.grad, torch.ones_like(z))  # straight through
    assert torch.equal(book.entries(), before)
    for _ in range(20):
        book.learn(z.detach())
    error = (book(z)[0] - z).norm(dim=-1)
    assert error.median() < 0.1
    assert codebook(kind).entries().equal(before)


def test_an_unused_entry_is_moved_to_where_vectors_are() -> None:
    book = codebook().train()
    z = torch.randn(8, 40, 5)
    book.learn(z)
    book._books()[0].embed[0, 3] = 1e3
    book._books()[0].embed_avg[0, 3] = 1e3
    for _ in range(40):
        book.learn(z)
    assert book.entries().abs().max() < 10


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("strides", [(2, 2), (3,), (2, 3, 2)], ids=str)
def test_later_values_change_no_earlier_code_and_later_codes_no_earlier_value(kind: dict, strides: tuple) -> None:
    torch.manual_seed(0)
    codec = Codec(CodecSettings(strides=strides, **{**SMALL, **kind})).eval()
    steps = 7 * codec.factor
    x = torch.randn(3, steps)
    vectors, codes = codec.encode(x)
    assert codes.shape[:2] == (3, 7)
    later = x.clone()
    later[:, 4 * codec.factor :] += 5
    assert torch.equal(codec.encode(later)[1][:, :4], codes[:, :4])
    values = codec.decode(vectors)
    assert values.shape == (3, steps)
    changed = vectors.clone()
    changed[:, 4:] += 5
    torch.testing.assert_close(codec.decode(changed)[:, : 4 * codec.factor], values[:, : 4 * codec.factor])


def test_decoding_needs_no_more_than_its_reach() -> None:
    torch.manual_seed(0)
    codec = Codec(CodecSettings(**SMALL)).eval()
    vectors = torch.randn(3, 20, 5)
    near = codec.decode(vectors[:, 12 - codec.reach :])[:, codec.reach * codec.factor :]
    torch.testing.assert_close(near, codec.decode(vectors)[:, 12 * codec.factor :])


@given(st.integers(4, 40))
@settings(max_examples=20, deadline=None)
def test_a_first_code_that_is_not_full_is_filled_with_the_first_value(steps: int) -> None:
    torch.manual_seed(0)
    codec = Codec(CodecSettings(**SMALL)).eval()
    x = torch.randn(2, steps)
    missing = -steps % codec.factor
    whole = torch.cat([x[:, :1].expand(-1, missing), x], dim=1)
    assert codec.encode(x)[1].shape[1] == codec.num_codes(steps)
    assert torch.equal(codec.encode(x)[1], codec.encode(whole)[1])


def test_rotary_products_depend_on_the_distance_alone() -> None:
    torch.manual_seed(0)
    q, k = (torch.randn(1, 2, 1, 7).repeat(1, 1, 9, 1) for _ in range(2))
    scores = rotate(q, 0) @ rotate(k, 0).transpose(2, 3)
    moved = rotate(q, 100) @ rotate(k, 100).transpose(2, 3)
    torch.testing.assert_close(scores, moved, rtol=1e-4, atol=1e-4)
    diagonals = [scores[0, 0].diagonal(-d) for d in range(5)]
    for diagonal in diagonals:
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), rtol=1e-4, atol=1e-4)
    assert len({round(float(d[0]), 4) for d in diagonals}) == 5
    torch.testing.assert_close(rotate(q, 3).norm(dim=-1), q.norm(dim=-1))


def causal(rotary: bool = True, reach: int | None = None) -> Causal:
    torch.manual_seed(0)
    task = Task(8, 4)
    patches = Patch(PatchSettings(length=4, stride=4, width=12), task)
    return Causal(CausalSettings(layers=2, heads=4, ff=20, rotary=rotary, reach=reach), task, patches).eval()


@pytest.mark.parametrize("rotary", [True, False])
@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize("reach", [None, 1, 4, 11])
def test_token_by_token_is_the_same_as_all_at_once(rotary: bool, masked: bool, grad: bool, reach: int | None) -> None:
    backbone, x = causal(rotary, reach), torch.randn(3, 11, 12)
    keep = None
    if masked:
        keep = torch.ones(3, 11, dtype=torch.bool)
        keep[0, :3] = keep[2, 1] = False
    whole = backbone(Tokens(x, keep)).values
    with torch.set_grad_enabled(grad):
        first = None if keep is None else keep[:, :6]
        parts = [backbone.extend(x[:, :6], None, first)]
        for begin, end in ((6, 7), (7, 9), (9, 11)):
            parts.append(backbone.extend(x[:, begin:end], parts[-1][1]))
    pieces = torch.cat([hidden for hidden, _ in parts], dim=1)
    seen = slice(None) if keep is None else keep
    torch.testing.assert_close(pieces[seen], whole[seen], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("reach", [None, 2, 4, 7])
def test_paths_share_what_they_have_in_common(masked: bool, reach: int | None) -> None:
    """Branching is the same as repeating every series from the start."""
    backbone, x = causal(reach=reach), torch.randn(3, 6, 12)
    keep = None
    if masked:
        keep = torch.ones(3, 6, dtype=torch.bool)
        keep[1, :4] = False
    further = torch.randn(3 * 5, 4, 12)
    with torch.no_grad():
        _, cache = backbone.extend(x, None, keep)
        cache = backbone.branched(cache, 5)
        ours = []
        for begin, end in ((0, 1), (1, 2), (2, 4)):
            hidden, cache = backbone.extend(further[:, begin:end], cache)
            ours.append(hidden)
        repeated = torch.cat([x.repeat_interleave(5, dim=0), further], dim=1)
        kept = None if keep is None else torch.cat([keep.repeat_interleave(5, 0), torch.ones(15, 4).bool()], dim=1)
        whole = backbone(Tokens(repeated, kept)).values[:, 6:]
    torch.testing.assert_close(torch.cat(ours, dim=1), whole, rtol=1e-4, atol=1e-5)


def test_nothing_out_of_reach_counts() -> None:
    backbone, x = causal(reach=3), torch.randn(3, 11, 12)
    changed = x.clone()
    changed[:, 4] = torch.randn(3, 12)
    before, after = backbone(Tokens(x)).values, backbone(Tokens(changed)).values
    same = [torch.allclose(before[:, t], after[:, t], atol=1e-6) for t in range(11)]
    assert same == [True] * 4 + [False] * 5 + [True] * 2  # two layers of three: four further on


def test_a_memory_goes_on_in_two_ways() -> None:
    """What was read before stays as it was, however it is gone on from."""
    backbone, x = causal(), torch.randn(3, 9, 12)
    other = torch.randn(3, 1, 12)
    with torch.no_grad():
        _, cache = backbone.extend(x[:, :6])
        _, cache = backbone.extend(x[:, 6:7], cache)
        one, _ = backbone.extend(x[:, 7:8], cache)
        backbone.extend(other, cache)
        whole = backbone(Tokens(x[:, :8])).values[:, 7:]
    torch.testing.assert_close(one, whole, rtol=1e-4, atol=1e-5)


def test_draws_follow_the_probabilities() -> None:
    logits = torch.tensor([[0.5, 2.0, -1.0, 0.0]]).repeat(20_000, 1)
    chance = torch.rand(20_000, generator=torch.Generator().manual_seed(0))
    drawn = torch.bincount(Draw()(logits, chance), minlength=4) / 20_000
    torch.testing.assert_close(drawn, logits[0].softmax(-1), atol=0.01, rtol=0)
    cold = torch.bincount(Draw(temperature=0.5)(logits, chance), minlength=4) / 20_000
    torch.testing.assert_close(cold, (logits[0] / 0.5).softmax(-1), atol=0.01, rtol=0)


def test_what_is_not_likely_enough_is_never_drawn() -> None:
    logits = torch.tensor([[0.5, 2.0, -1.0, 0.0]]).repeat(5_000, 1)  # .17 .74 .04 .10 of the probability, roughly
    chance = torch.rand(5_000, generator=torch.Generator().manual_seed(0))
    assert set(Draw(top_k=2)(logits, chance).tolist()) == {0, 1}
    assert set(Draw(top_k=1)(logits, chance).tolist()) == {1}
    assert set(Draw(top_p=0.5)(logits, chance).tolist()) == {1}
    assert set(Draw(top_p=0.85)(logits, chance).tolist()) == {0, 1}
    assert set(Draw(top_k=9)(logits, chance).tolist()) == {0, 1, 2, 3}
    assert Draw()(logits[:1], torch.tensor([0.9999999])).item() == 3


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"temperature": 0.0}, "temperature=0.0: wanted a number above 0"),
        ({"temperature": -1.0, "top_p": 0.0}, "top_p=0.0: wanted a share above 0"),
        ({"top_p": 1.5}, "top_p=1.5"),
        ({"top_k": -1}, "top_k=-1: wanted at least 1 code, or 0"),
        ({"temperature": float("nan")}, "temperature=nan"),
    ],
    ids=str,
)
def test_what_leaves_nothing_to_draw_from_is_refused(settings: dict, fault: str) -> None:
    with pytest.raises(SettingsError, match=fault.replace("(", r"\(")):
        Draw(**settings)


def test_a_window_has_its_own_chances_in_any_batch() -> None:
    together = chances(torch.tensor([4, 5, 6]), 2, 3, 7)
    assert together.shape == (3, 2, 3, 7)
    assert torch.equal(together[1:2], chances(torch.tensor([5]), 2, 3, 7))
    assert not torch.equal(together[0], together[1])


def test_codes_that_are_equally_near_are_those_of_double_precision() -> None:
    torch.manual_seed(0)
    codec = Codec(CodecSettings(strides=(2,), hidden=8, blocks=1, code_dim=8, codebook_size=4)).eval()
    (book,) = codec.codebook._books()
    x = torch.randn(1, 12, dtype=torch.float64)
    exact = copy.deepcopy(codec).double()
    differ = 0
    for _ in range(60):
        aside = torch.randn(8)
        middle = exact.vectors(x)[0, 3].float()
        book.embed[0] = torch.stack([middle + aside, middle - aside, middle + 50, middle - 50])
        apart = torch.cdist(exact.vectors(x), book.embed.double())
        vectors, codes = codec.encode_exactly(x)
        assert torch.equal(codes[0, :, 0], apart[0].argmin(-1))
        torch.testing.assert_close(vectors[0], book.embed[0][codes[0, :, 0]])
        differ += int((codec.encode(x.float())[1] != codes).sum())
    assert differ  # single precision chooses some of them otherwise
    far = torch.randn(50, 6, 8)
    book.embed[0] = 10 * torch.randn(4, 8)
    assert codec.codebook.doubtful(far, codec.codebook(far)[1]).float().mean() < 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_every_quantiser_encodes_exactly(kind: dict[str, object]) -> None:
    torch.manual_seed(1)
    codec = Codec(CodecSettings(**{**SMALL, **kind}, strides=(2, 2))).eval()
    x = torch.randn(5, 24).cumsum(1)
    vectors, codes = codec.encode_exactly(x.double())
    wanted, found = codec.encode(x)
    assert torch.equal(codes, found)
    torch.testing.assert_close(vectors, wanted)
    assert vectors.dtype == torch.float32
