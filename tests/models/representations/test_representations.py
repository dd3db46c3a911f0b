"""What wavelet, multi-scale and frequency patches are, and that they cut nothing of the newest data off."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
import torch

from latentcast.core.errors import SettingsError
from latentcast.core.settings import validate
from latentcast.core.types import Batch, Task
from latentcast.layers.wavelet import extended, filters, inverse, reach, transform, unlike_a_wavelet
from latentcast.models.config.run import resolve_config
from latentcast.models.network import build
from latentcast.models.representations import REPRESENTATIONS
from latentcast.models.representations.frequency import Frequency
from latentcast.models.representations.multi_scale import coarser
from latentcast.models.representations.wavelet import Wavelet

TASK = Task(lookback=90, horizon=7, channels=3, targets=(0, 1, 2), season=24)
DROP_IN = ("patch", "wavelet", "multi-scale", "frequency")


def made(name: str, task: Task = TASK, **settings: Any) -> Any:
    torch.manual_seed(0)
    cls = REPRESENTATIONS.get(name)
    return cls(validate(cls.Settings, {"width": 20, **settings}), task)


def batch(time: int = TASK.lookback) -> Batch:
    return Batch(torch.randn(4, time, 3, generator=torch.Generator().manual_seed(1)).cumsum(1))


VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("patch", {"kernel": 3}),
    ("wavelet", {"kernel": 3, "mode": "periodic", "semantic": True}),
    ("wavelet", {"mode": "causal", "projection": "per-band", "bands": "approximation", "level": 2}),
    (
        "wavelet",
        {
            "projection": "per-band",
            "width": 22,
            "wavelet": "bior2.2",
            "fused": False,
            "learn_filters": True,
            "learn_as": "free",
        },
    ),
    ("multi-scale", {"scales": [1, 2, 3, 4], "fusion": "attention"}),
    ("multi-scale", {"scales": [4, 2], "fusion": "concat", "patches": "same-length", "length": 9, "stride": 5}),
    ("multi-scale", {"scales": 2, "fusion": "sum", "kernel": 3}),
    ("multi-scale", {"scales": [1, 7], "fusion": "gate", "stride": 3}),
    ("frequency", {"fusion": "gate", "adaptive": True}),
    ("frequency", {"fusion": "attention", "cutoff": 0.2, "kernel": 3, "stride": 16}),
    *((name, {}) for name in DROP_IN),
]


@pytest.fixture(params=VARIANTS, ids=lambda v: f"{v[0]} {v[1]}")
def part(request: pytest.FixtureRequest) -> Any:
    name, settings = request.param
    return made(name, **settings)


@pytest.mark.parametrize("name", DROP_IN)
def test_drop_ins_make_the_same_tokens_as_patches(name: str) -> None:
    part, patch = made(name), made("patch")
    tokens = part(batch()).values
    assert tokens.shape == patch(batch()).values.shape == (12, patch.num_tokens(90), 20)


def test_each_says_its_own_number_of_tokens(part: Any) -> None:
    assert part(batch()).values.shape == (12, part.num_tokens(90), part.width)
    for time in (64, 65, 83):
        other = replace(TASK, lookback=time)
        again = type(part)(part.settings if hasattr(part, "settings") else validate(part.Settings, {}), other)
        assert again(batch(time)).values.shape[1] == again.num_tokens(time)


@pytest.mark.parametrize("time", [88, 89, 90, 91, 95])
def test_the_newest_step_changes_every_representation(part: Any, time: int) -> None:
    settings = part.settings if hasattr(part, "settings") else validate(part.Settings, {})
    part = type(part)(settings, replace(TASK, lookback=time))
    past = batch(time).past.clone()
    before = part(Batch(past)).values
    past[:, -1] += 1
    assert ((part(Batch(past)).values - before).abs().amax((1, 2)) > 1e-6).all()


def test_windows_and_channels_are_apart(part: Any) -> None:
    whole = part(batch()).values
    torch.testing.assert_close(part(Batch(batch().past[1:2, :, 2:])).values, whole[5:6], rtol=1e-4, atol=1e-5)


def test_nobody_attends_to_a_patch_of_which_nothing_was_observed(part: Any) -> None:
    """Against the steps that each patch covers, counted one by one."""
    shown = torch.ones(4, TASK.lookback, 3, dtype=torch.bool)
    shown[1, :50, 0] = False
    shown[2, 70:, 1] = False
    shown[3, :, 2] = False  # a series of nothing keeps its patches: something must be read
    given = batch()
    assert part(given).keep is None
    keep = part(replace(given, observed=shown)).keep
    step, length, stride = 1, part.settings.length if hasattr(part, "settings") else part.length, None
    if hasattr(part, "sizes"):
        (length, stride), step = part.sizes[0], part.settings.scales[0]
    stride = stride or (part.settings.stride if hasattr(part, "settings") else part.stride)
    expected = torch.ones_like(keep)
    before = -TASK.lookback % step
    for series, window in enumerate(shown.transpose(1, 2).flatten(0, 1)):
        for token in range(keep.shape[1]):
            begin = token * stride * step - before
            covered = [min(max(t, 0), TASK.lookback - 1) for t in range(begin, begin + length * step) if t >= 0]
            expected[series, token] = window[covered].any() or not window.any()
    assert torch.equal(keep, expected)
    assert not keep.all()


def test_every_parameter_learns(part: Any) -> None:
    tokens = part(batch())
    (tokens.values.square().sum() + (tokens.penalty if tokens.penalty is not None else 0)).backward()
    for name, parameter in part.named_parameters():
        assert parameter.grad is not None, name
        # a bias of the keys adds the same to every score
        assert parameter.grad.abs().sum() > 0, name


FUSED = [
    {"mode": mode, "projection": projection, "kernel": kernel, "bands": bands, "wavelet": wavelet}
    for mode, projection, kernel, bands, wavelet in (
        ("symmetric", "joint", 1, "all", "db4"),
        ("reflect", "per-band", 3, "all", "sym4"),
        ("periodic", "joint", 3, "approximation", "db4"),
        ("zero", "per-band", 1, "all", "bior2.2"),
        ("causal", "joint", 5, "all", "haar"),
    )
]


@pytest.mark.parametrize("how", FUSED, ids=str)
@pytest.mark.parametrize("learn", [False, True])
def test_fused_is_the_plain_path_forward_and_backward(how: dict[str, Any], learn: bool) -> None:
    results = []
    for fused in (True, False):
        part = made("wavelet", fused=fused, learn_filters=learn, learn_as="free", width=22, length=12, stride=5, **how)
        with torch.no_grad():
            for parameter in part.parameters():  # no weight is 0
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2)))
        past = batch().past / 10
        past.requires_grad_()
        tokens = part(Batch(past))
        assert (tokens.penalty is not None) == learn
        loss = tokens.values.square().mean() + (0 if tokens.penalty is None else tokens.penalty)
        loss.backward()
        found = {name: parameter.grad for name, parameter in part.named_parameters()}
        results.append((tokens.values, past.grad, found))
    (fused_values, fused_past, fused_grads), (values, past_grad, grads) = results
    torch.testing.assert_close(fused_values, values, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(fused_past, past_grad, rtol=1e-5, atol=1e-5)
    assert fused_grads.keys() == grads.keys()
    for name, gradient in grads.items():
        torch.testing.assert_close(fused_grads[name], gradient, rtol=1e-5, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}")


def test_filters_that_learn_rebuild_the_fused_product() -> None:
    part = made("wavelet", learn_filters=True, learn_as="free")
    assert {"low", "high"} <= {name for name, _ in part.named_parameters()}
    assert not {"low", "high"} & made("wavelet").state_dict().keys()
    before = part(batch()).values
    with torch.no_grad():
        part.low.mul_(1.05)
    after = part(batch())
    assert not torch.allclose(before, after.values)
    assert after.penalty is not None
    assert after.penalty > 1e-4


def test_filters_learned_as_angles_stay_a_wavelet() -> None:
    """After steps that pull on every filter, which leave `learn_as=free` a few per cent off."""
    part = made("wavelet", learn_filters=True)
    assert "angles" in part.state_dict()
    assert "low" not in part.state_dict()
    start = torch.stack(part.filters())
    torch.testing.assert_close(start, torch.stack(filters("db4")).float(), atol=1e-6, rtol=0)
    learn = torch.optim.Adam(part.parameters(), lr=5e-2)
    wanted = torch.randn(batch().past.shape[0] * 3, part.num_tokens(90), part.width)
    for _ in range(60):
        learn.zero_grad()
        tokens = part(batch())
        assert tokens.penalty is None
        (tokens.values - wanted).square().mean().backward()
        learn.step()
    low, high = (one.detach() for one in part.filters())
    assert (torch.stack([low, high]) - start).abs().max() > 0.05
    assert unlike_a_wavelet(low, high) < 1e-10
    signal = torch.randn(4, 64)
    coefficients = transform(extended(signal, *reach(8, 3, "periodic"), "periodic"), low, high, 3, "periodic")
    assert (inverse(coefficients, low, high) - signal).abs().max() <= 1e-6 * signal.abs().max()
    torch.testing.assert_close(part(batch()).values, made_like(part, fused=False)(batch()).values, atol=1e-4, rtol=1e-4)


def made_like(part: Any, **settings: Any) -> Any:
    other = made("wavelet", learn_filters=True, **settings)
    other.load_state_dict(part.state_dict())
    return other


@pytest.mark.parametrize(("wavelet", "message"), [("bior2.2", "only orthogonal wavelets"), ("haar", "no angle free")])
def test_what_has_no_angles_cannot_be_learned_by_them(wavelet: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        made("wavelet", wavelet=wavelet, learn_filters=True)


@pytest.mark.parametrize("name", ["wavelet", "multi-scale", "frequency"])
def test_patches_beyond_the_ends_are_a_setting_of_all(name: str) -> None:
    """With ends=circular the first token sees the newest values; with repeat it does not."""
    for ends, seen in (("circular", True), ("repeat", False)):
        part = made(name, kernel=3, ends=ends, position=False, **({"mode": "causal"} if name == "wavelet" else {}))
        if name == "frequency":
            part.split = lambda series: (torch.zeros_like(series), series)
        one = batch()
        past = one.past.clone()
        past[:, -3:] += 1
        moved = part(replace(one, past=past)).values[:, 0] - part(one).values[:, 0]
        assert (moved.abs().max() > 1e-4) == seen


def test_band_weights_start_at_one_and_keep_their_mean() -> None:
    part = made("wavelet")
    assert part.band_weights().tolist() == [1, 1, 1, 1]
    with torch.no_grad():
        part.band.copy_(torch.tensor([2.0, 0.0, -1.0, 0.0]))
    assert part.band_weights().mean().item() == pytest.approx(1)
    assert part.band_weights()[0] > 2


def test_bands_share_a_width_that_they_do_not_divide() -> None:
    part = made("wavelet", projection="per-band", width=22)
    assert part.owner.sum(0).tolist() == [6, 6, 5, 5]
    with pytest.raises(SettingsError, match="width=3: 4 bands want at least one feature each"):
        made("wavelet", projection="per-band", width=3)


@pytest.mark.slow
def test_representations_are_one_graph_to_torch_compile() -> None:
    """Without a break; in a process of its own, since the checks of shapes cannot be traced."""
    code = """
import torch
from latentcast.core.settings import validate
from latentcast.models.representations import REPRESENTATIONS
from latentcast.core.types import Batch, Task
from latentcast.layers.wavelet import extended, filters, inverse, reach, transform, unlike_a_wavelet
for name, how in (("wavelet", {"kernel": 3}), ("wavelet", {"learn_filters": True}), ("frequency", {})):
    cls = REPRESENTATIONS.get(name)
    part = cls(validate(cls.Settings, {"width": 8, **how}), Task(90, 7, 3, (0, 1, 2), season=24))
    past = torch.randn(2, 90, 3)
    whole = torch.compile(lambda past: part(Batch(past)).values, backend="eager", fullgraph=True)
    torch.testing.assert_close(whole(past), part(Batch(past)).values)
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_mixed_precision() -> None:
    for name in DROP_IN:
        part = made(name)
        with torch.autocast("cpu", torch.bfloat16):
            half = part(batch()).values
        torch.testing.assert_close(half.float(), part(batch()).values, rtol=0.1, atol=0.1)


def test_coarser_copies_end_with_the_newest_steps() -> None:
    x = torch.arange(1.0, 11)[None]
    assert coarser(x, 1) is x
    assert coarser(x, 2).tolist() == [[1.5, 3.5, 5.5, 7.5, 9.5]]
    assert coarser(x, 4).tolist() == [[1.25, 4.5, 8.5]]  # 1 1 1 2, 3 4 5 6, 7 8 9 10


def test_trend_and_season_are_the_series() -> None:
    part = made("frequency")
    series = batch().past[..., 0]
    trend, season = part.split(series)
    torch.testing.assert_close(trend + season, series)
    assert isinstance(part, Frequency)
    assert part.cutoff == 0.5 / 24
    assert made("frequency", replace(TASK, season=1)).cutoff == 0.1


def test_the_switch_decides_for_each_series() -> None:
    part = made("frequency", adaptive=True, false_alarms=0.001)
    t = torch.arange(90.0)
    noise = torch.randn(90, generator=torch.Generator().manual_seed(3))
    series = torch.stack([noise, noise + t, 3 * torch.sin(t * 2 * torch.pi / 15) + 0.1 * noise, torch.full((90,), 2.0)])
    trend, season = part.split(series)
    torch.testing.assert_close(trend + season, series)
    moves = [row.std().item() > 1e-3 for row in trend]
    assert moves == [False, True, True, False]
    torch.testing.assert_close(trend[:1], part.split(series[:1])[0])


def test_the_switch_says_why_it_chose() -> None:
    from latentcast.core.findings import WindowLabels

    t = torch.arange(90.0)
    noise = torch.randn(90, generator=torch.Generator().manual_seed(3))
    window = torch.stack([noise, noise + t, 3 * torch.sin(t * 2 * torch.pi / 15) + 0.1 * noise], 1)[None]
    stamps = tuple(str(step) for step in range(90))
    shown = WindowLabels(("still", "rising", "daily"), (0, 1, 2), (0, 1, 2), stamps, ("1",), lambda values: values)
    why = made("frequency", adaptive=True, false_alarms=0.001, top_k=3).findings(shown, Batch(window))[1]
    assert why.rows == ("still", "rising", "daily")
    assert [row[-1] for row in why.texts] == [
        "not split: neither season nor trend",
        "split: it has a trend",
        "split: it has a season",
    ]
    assert why.texts[2][2].split(", ")[0] == "15"
    assert why.facts["split"] == {"still": False, "rising": True, "daily": True}
    assert "its 3 largest amplitudes are more than 50%" in why.sentence
    assert len(made("frequency").findings(shown, Batch(window))) == 1


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("wavelet", {"level": 4}, r"level=4: db4 spans 106 steps there.* has 90 .*; the deepest possible is level=3"),
        ("wavelet", {"wavelet": "db5o"}, "wavelet=db5o: no such discrete wavelet; did you mean db5"),
        ("wavelet", {"wavelet": "dmey", "level": 2, "length": 4}, "dmey spans 184.*the deepest possible is level=1"),
        ("wavelet", {"length": 99}, "a patch of 99 steps does not fit"),
        ("multi-scale", {"scales": [1, 50]}, r"at scale 50 a patch of 4 × 50 steps does not fit into a look-back"),
        ("multi-scale", {"scales": [1, 2], "length": 120}, r"at scale 1 a patch of 120.*\n.*at scale 2"),
        ("multi-scale", {"scales": [1, 1]}, "wanted one scale or more, each once"),
        ("multi-scale", {"fusion": "attention", "fusion_heads": 3}, "fusion_heads=3: 3 heads do not divide the width"),
        ("frequency", {"length": 60}, "a patch of 120 steps .of the trend. does not fit into a look-back of 90"),
        ("frequency", {"cutoff": 0.6}, "cutoff"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=f"(?s){message}"):
        made(name, **settings)


def test_several_at_once() -> None:
    views = ["wavelet", {"name": "multi-scale", "scales": [1, 2]}, "frequency"]
    run = resolve_config(
        {"model": {"name": "pattn", "representation": {"name": "views", "views": views}}, "lookback": 90, "horizon": 7}
    )
    assert resolve_config(run.dump()) == run
    dumped = run.dump()["model"]["representation"]["views"]
    assert [view["name"] for view in dumped] == ["wavelet", "multi-scale", "frequency"]
    assert dumped[1]["scales"] == [1, 2]
    network = build(run.kind, run.model, TASK)
    assert network(batch()).values.shape == (4, 7, 3)
    with pytest.raises(SettingsError, match=r"views.0.level=4: db4 spans"):
        made_views([{"name": "wavelet", "level": 4}, "patch"])
    with pytest.raises(SettingsError, match=r"patch: 11 tokens of width 128, each .*; patch: 20 tokens of width 128"):
        made_views(["patch", {"name": "patch", "stride": 4}])
    with pytest.raises(SettingsError, match="wanted two representations or more"):
        made_views("patch")


def made_views(views: Any) -> Any:
    cls = REPRESENTATIONS.get("views")
    return cls(validate(cls.Settings, {"views": views}), TASK)


def test_coefficients_of_the_representation_conserve_energy() -> None:
    part = made("wavelet", mode="periodic")
    assert isinstance(part, Wavelet)
    series = batch().past[..., 0]
    padded = torch.cat([series, series[:, -1:].expand(-1, 8)], 1)
    energy = part.coefficients(series).square().sum((1, 2))
    torch.testing.assert_close(energy, padded.square().sum(1), rtol=1e-4, atol=1e-4)
