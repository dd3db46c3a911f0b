"""Explanations: right where the answer is known, said by the parts that the model has, safe to open."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.image import imread
from torch import Tensor, nn
from typer.testing import CliRunner

import latentcast
from latentcast.cli import app
from latentcast.core.capabilities import Capabilities
from latentcast.core.errors import CheckpointError, DataError, SettingsError
from latentcast.core.findings import Finding, WindowLabels
from latentcast.core.types import Batch, Prediction, Task
from latentcast.explain.attribution import occlude, sensitivity, stretches, without_channels
from latentcast.explain.collect import collect_findings
from latentcast.explain.figures import draw, ends, places
from latentcast.explain.page import page
from latentcast.explain.series_statistics import series_statistics
from latentcast.layers.view_fusion import Fuse
from latentcast.models.hybrid.findings import of_members
from latentcast.models.network import Network
from latentcast.reporting.html import escaped
from llms import folder

PAST = "Which stretch of the past mattered"


def untold(batch: Batch) -> Batch:
    return batch


class Known(nn.Module):
    """A model that reads what it is told to: forecast = weight [horizon, time] of channel `reads` for every channel."""

    def __init__(self, weight: Tensor, reads: int | None = None) -> None:
        super().__init__()
        self.weight, self.reads = nn.Parameter(weight), reads
        self.capabilities = Capabilities(mixes_channels=reads is not None)

    def forward(self, batch: Batch) -> Prediction:
        past = batch.past if self.reads is None else batch.past[..., [self.reads]].expand_as(batch.past)
        return Prediction(torch.einsum("ht,btc->bhc", self.weight, past))

    def loss(self, prediction: Prediction, batch: Batch) -> Tensor:
        raise NotImplementedError


def known(reads: int | None = None) -> tuple[Network, Batch, Tensor]:
    """Of 24 steps it reads 8 to 11 alone; three channels, five steps ahead."""
    draw = torch.Generator().manual_seed(0)
    weight = torch.zeros(5, 24)
    weight[:, 8:12] = torch.randn(5, 4, generator=draw)
    network = Network(Known(weight, reads), Task(24, 5, 3, (0, 1, 2)))
    return network, Batch(torch.randn(1, 24, 3, generator=draw)), weight


# --- which past mattered, where the answer is known


@pytest.mark.parametrize("fill", ["line", "season", "mean"])
def test_only_what_a_linear_model_reads_matters(fill: Any) -> None:
    network, batch, _ = known()
    found = occlude(network, batch, untold, length=4, fill=fill, season=6)
    assert found.starts == (0, 4, 8, 12, 16, 20)
    assert (found.effect[:, [0, 1, 3, 4, 5]] < 1e-6).all()
    assert (found.effect[:, 2] > 0.05).all()


def test_the_movement_is_that_of_the_values_that_were_replaced() -> None:
    network, batch, weight = known()
    found = occlude(network, batch, untold, length=4)
    past = batch.past[0].double().numpy()
    straight = np.stack([np.interp(np.arange(8, 12), [7, 12], past[[7, 12], c]) for c in range(3)], 1)
    wanted = weight[:, 8:12].double().numpy() @ (straight - past[8:12])
    np.testing.assert_allclose(found.moved[2], wanted, atol=1e-5)
    mean = occlude(network, batch, untold, length=4, fill="mean")
    rest = np.delete(past, range(8, 12), axis=0).mean(0)
    wanted = weight[:, 8:12].double().numpy() @ (rest - past[8:12])
    np.testing.assert_allclose(mean.moved[2], wanted, atol=1e-5)


def test_the_gradient_is_the_map() -> None:
    network, batch, weight = known()
    found = sensitivity(network, batch, untold, (0, 2))
    wanted = weight.double().square().mean(0).sqrt().numpy()
    np.testing.assert_allclose(found, [wanted, wanted], atol=1e-6)


def test_the_channel_that_is_read_is_found() -> None:
    network, batch, weight = known(reads=1)
    moved = np.abs(without_channels(network, batch, untold, [0, 1, 2])).mean(1)
    assert (moved[[0, 2]] < 1e-6).all()
    assert (moved[1] > 0.05).all()
    wanted = weight.double().square().mean(0).sqrt().numpy()
    np.testing.assert_allclose(sensitivity(network, batch, untold, (0, 2)), [wanted, wanted], atol=1e-6)


def test_what_was_not_observed_is_no_neighbour() -> None:
    network, batch, weight = known()
    seen = torch.ones(1, 24, 3, dtype=torch.bool)
    seen[:, 12] = False
    found = occlude(network, Batch(batch.past, seen), untold, length=4)
    past = batch.past[0].double().numpy()
    straight = np.stack([np.interp(np.arange(8, 12), [7, 13], past[[7, 13], c]) for c in range(3)], 1)
    wanted = weight[:, 8:12].double().numpy() @ (straight - past[8:12])
    np.testing.assert_allclose(found.moved[2], wanted, atol=1e-5)


@given(st.integers(1, 700), st.none() | st.integers(1, 50))
def test_stretches_cover_the_look_back_once(lookback: int, length: int | None) -> None:
    starts, each = stretches(lookback, None if length is None else min(length, lookback))
    sizes = np.diff([*starts, lookback])
    assert starts[0] == 0
    assert sizes.sum() == lookback
    assert (sizes[1:] == each).all()
    assert 0 < sizes[0] <= each
    assert length is not None or len(starts) <= 24


def noisy(steps: int = 300, channels: int = 2) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    wave = 5 * np.sin(2 * np.pi * np.arange(steps) / 24)
    stamps = pd.date_range("2024-01-01", periods=steps, freq="h")
    return pd.DataFrame({"ds": stamps, **{f"c{n}": wave + rng.normal(0, 1, steps) for n in range(channels)}})


def test_seasonal_naive_hangs_on_its_last_season_alone() -> None:
    frame = noisy()
    forecaster = latentcast.fit(frame, "seasonal-naive", lookback=96, horizon=24)
    effect = forecaster.explain(frame, stretch=8).of(PAST)[0].facts["effect"]
    for row in effect.values():
        assert (row[:-3] == 0).all()
        assert (row[-3:] > 0.05).all()
    last = latentcast.fit(frame, "naive", lookback=96, horizon=24).explain(frame, stretch=8).of(PAST)[0].facts["effect"]
    assert (last["c0"][:-1] == 0).all()
    assert last["c0"][-1] > 0


# --- what stands in it


def test_the_forecast_is_that_of_predict() -> None:
    frame = noisy()
    forecaster = latentcast.fit(frame, "dlinear", lookback=48, horizon=6, settings={"training.max_steps": 5})
    found, wanted = forecaster.explain(frame, level=(80, 95)), forecaster.predict(frame, level=(80, 95))
    for name in ("c0", "c1"):
        rows = wanted[wanted["unique_id"] == name]
        own = found.forecast[name]
        np.testing.assert_array_equal(own["values"], rows["dlinear"])
        np.testing.assert_array_equal(own["lo-80"], rows["dlinear-lo-80"])
        np.testing.assert_array_equal(own["hi-95"], rows["dlinear-hi-95"])
        assert own["ds"] == rows["ds"].dt.strftime("%Y-%m-%d %H:%M").tolist()
    drawn = found.of("The forecast")[0]
    assert drawn.values is not None
    np.testing.assert_array_equal(drawn.values[1, -6:], wanted["dlinear"][:6])
    np.testing.assert_array_equal(drawn.values[0, :-6], frame["c0"][-48:])
    assert [name for name, _, _ in drawn.bands] == ["95 %", "80 %"]
    assert found.sections == ("The forecast", "The data", "The linear map", PAST)
    text = json.loads(found.to_json())
    assert text["forecast"]["c1"]["values"] == wanted["dlinear"][6:].tolist()
    assert "NaN" not in found.to_json()
    none = forecaster.explain(frame, level=None, attribution="none", item="c1")
    assert none.sections == ("The forecast", "The data", "The linear map")
    assert none.series == ("c1",)
    assert none.about["intervals"] == "none"


def test_gradient_from_the_door() -> None:
    frame = noisy()
    forecaster = latentcast.fit(
        frame, "dlinear", lookback=48, horizon=6, settings={"training.max_steps": 5, "model.normalise": False}
    )
    found = forecaster.explain(frame, attribution="gradient").of(PAST)[0]
    weight = forecaster.network.model.folded()[0][0].detach().double().numpy()
    np.testing.assert_allclose(found.facts["sensitivity"]["c1"], np.sqrt((weight**2).mean(0)), atol=1e-6)


EXTENDED = {
    "representation": {
        "name": "views",
        "views": [
            {"name": "wavelet", "width": 16, "level": 2},
            {"name": "multi-scale", "width": 16},
            {"name": "frequency", "width": 16},
        ],
    },
    "mixers": [{"name": "inter-variate", "heads": 2}, {"name": "mixture", "experts": 3}],
}


@pytest.mark.slow
def test_parts_say_what_they_have(tmp_path: Path) -> None:
    frame = noisy(200)
    backbone = {"llm": folder("gpt2"), "llm_layers": 1, "num_prototypes": 30, "dynamic": 2, "width": 8, "heads": 2}
    forecaster = latentcast.fit(
        frame,
        "time-llm",
        lookback=48,
        horizon=6,
        settings={
            "model": {**EXTENDED, "backbone": backbone},
            "data.description": "hourly <load>",
            "training": {"max_steps": 1, "batch_size": 8},
            "data.split": [0.6, 0.2, 0.2],
        },
    )
    forecaster.save(tmp_path / "model")
    found = latentcast.load(tmp_path / "model").explain(frame, stretch=12)
    assert found.sections == (
        "The forecast",
        "The data",
        "Bands of the wavelet",
        "How views are put together",
        "Trend and season, split by frequency",
        "Which channels attend to which",
        "Use of the experts",
        "What the language model read",
        "Which words patches take from",
        PAST,
    )
    attention = found.of("Which channels attend to which")[0]
    assert attention.rows == attention.columns == ("c0", "c1")
    assert attention.values is not None
    np.testing.assert_allclose(attention.values.sum(1), 1, atol=1e-6)
    experts = found.of("Use of the experts")[0]
    assert experts.part == "mixers.1"
    assert experts.values is not None
    assert experts.values.sum() == pytest.approx(1)
    prompt = found.of("What the language model read")[0]
    window = frame["c1"][-48:]
    assert prompt.rows == ("c0", "c1")
    assert prompt.texts[1][0].startswith(
        "<|start_prompt|>Dataset description: hourly <load> Task description: forecast"
    )
    low = (window - window.mean()) / window.std(ddof=0)
    assert f"min value {low.min():.3g}, max value" in prompt.texts[1][0]
    words = found.of("Which words patches take from")[0]
    theirs = latentcast.prototype_attention(forecaster, frame)
    assert words.values is not None
    mean = theirs.weights.mean((0, 1))
    np.testing.assert_allclose(words.values.mean(0), np.sort(mean)[::-1][:24], atol=1e-6)  # some are as good as equal
    named = {" ".join(each).replace("\ufffd", "·") for each in theirs.words}
    assert set(words.columns) <= named
    assert any(one.title.endswith("without each channel") for one in found.of(PAST))
    assert "hourly &lt;load&gt;" in found.to_html()
    check_page(found.to_html())


@pytest.mark.parametrize("kind", ["gate", "concat", "sum", "attention"])
def test_contributions_make_the_whole(kind: Any) -> None:
    torch.manual_seed(0)
    fuse = Fuse(kind, 3, 8, 2)
    views = tuple(torch.randn(2, 5, 8) for _ in range(3))
    bias = torch.zeros(8)
    if fuse.attention is not None:
        made = fuse.attention
        bias = made.out.bias
    elif fuse.project is not None:
        bias = fuse.project.bias
    if fuse.gate is not None:
        bias = fuse.gate(torch.cat(views, 2)).sigmoid() * bias
    torch.testing.assert_close(fuse.contributions(views).sum(0) + bias, fuse(views))


class Hybrid(nn.Module):
    """As a model of several members would report itself."""

    def forward(self, batch: Batch) -> Prediction:
        return Prediction(batch.past[:, -2:])

    def findings(self, shown: WindowLabels, batch: Batch) -> tuple[Finding, ...]:
        two = batch.past[0, -2:].numpy()
        share = np.full_like(two, 0.5)
        return of_members(shown, ["ets", "neural"], [two, two + 1], [share, share], {"ets": 0.3, "neural": 0.7})


def test_members_are_a_hook_for_any_model() -> None:
    model = Hybrid()
    model.capabilities = Capabilities()  # type: ignore[assignment]
    network = Network(model, Task(4, 2, 2, (0, 1)))
    shown = WindowLabels(("a", "b"), (1,), (0, 1), ("1", "2", "3", "4"), ("5", "6"), lambda x: 10 * x)
    found = collect_findings(network, Batch(torch.arange(8.0).view(1, 4, 2)), shown)
    assert [one.kind for one in found] == ["lines", "heat", "bars"]
    assert all(one.part == "model" for one in found)
    assert found[0].values is not None
    assert found[0].values.tolist() == [[50, 70], [60, 80]]
    assert found[2].facts["confidences"] == {"ets": 0.3, "neural": 0.7}
    check_page(page("a page", {}, found, ()))


def test_one_of_many_series_and_one_target_of_many() -> None:
    frame = noisy(120).melt("ds", var_name="unique_id", value_name="y")
    forecaster = latentcast.fit(frame, "naive", lookback=24, horizon=3)
    found = forecaster.explain(frame, item="c1", level=None)
    assert found.series == ("c1",)
    assert found.left_out == 1
    assert found.forecast["c1"]["values"] == pytest.approx([frame["y"].iloc[-1]] * 3)
    wide = noisy(120, 3)
    forecaster = latentcast.fit(
        wide, "naive", lookback=24, horizon=3, settings={"data.features": "MS", "data.target": "c2"}
    )
    found = forecaster.explain(wide, level=None)
    assert found.series == ("c2",)
    assert found.forecast["c2"]["values"] == pytest.approx([wide["c2"].iloc[-1]] * 3)
    with pytest.raises(DataError, match="'c1'"):
        forecaster.explain(wide, item="c1")


def test_a_constant_series_and_gaps() -> None:
    frame = noisy(200)
    frame["c0"] = 7.0
    frame.loc[150:160, "c1"] = np.nan
    forecaster = latentcast.fit(frame, "dlinear", lookback=48, horizon=6, settings={"training.max_steps": 2})
    found = forecaster.explain(frame)
    (table,) = found.of("The data")
    assert "constant" in table.texts[0]
    assert table.facts["c0"]["noise"] == 0
    assert "11 missing" in table.texts[1][0]
    drawn = found.of("The forecast")[1]
    assert drawn.values is not None
    assert np.isnan(drawn.values[0, :48]).sum() == int(frame["c1"][-48:].isna().sum())
    json.loads(found.to_json())
    check_page(found.to_html())


def test_intervals_that_cannot_be_had_are_said() -> None:
    frame = noisy(60)
    forecaster = latentcast.fit(frame, "naive", lookback=24, horizon=3)
    found = forecaster.explain(frame)
    assert any(note.startswith("no intervals: level") for note in found.notes)
    with pytest.raises(DataError, match="held-out windows"):
        forecaster.explain(frame, level=(80, 90))


# --- what a series is like


def test_traits_of_series_that_are_known() -> None:
    rng = np.random.default_rng(1)
    t = np.arange(240.0)
    wave, noise = np.sin(2 * np.pi * t / 24), rng.normal(0, 1, 240)
    one = series_statistics(wave + 0.05 * noise, 24)
    assert one.season is not None
    assert one.trend is not None
    assert one.season > 0.95
    assert one.trend < 0.3
    assert one.periods[0][0] == 24
    assert one.periods[0][1] > 0.9
    white = series_statistics(noise, 24)
    assert white.stationary
    assert white.noise == pytest.approx(2**0.5, abs=0.15)
    assert white.season is not None
    assert white.season < 0.6
    walk = series_statistics(np.cumsum(noise), 1)
    assert walk.stationary is False
    assert walk.season is None
    rise = series_statistics(0.5 * t + 0.1 * noise, 24)
    assert rise.trend == pytest.approx(1, abs=0.01)
    assert series_statistics(0.5 * t + 0.1 * noise, 1).trend == pytest.approx(1, abs=0.01)


def test_strengths_are_those_of_the_paper() -> None:
    from statsmodels.tsa.seasonal import STL

    rng = np.random.default_rng(2)
    x = pd.Series(np.sin(2 * np.pi * np.arange(120) / 12) + 0.02 * np.arange(120) + rng.normal(0, 0.5, 120))
    parts = STL(x, period=12).fit()
    one = series_statistics(x.to_numpy(), 12)
    assert one.season == pytest.approx(1 - parts.resid.var() / (parts.seasonal + parts.resid).var())
    assert one.trend == pytest.approx(1 - parts.resid.var() / (parts.trend + parts.resid).var())


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=40), st.integers(1, 20))
def test_traits_of_anything(values: list[float], period: int) -> None:
    one = series_statistics(np.array(values), period)
    for share in (one.trend, one.season):
        assert share is None or 0 <= share <= 1
    assert np.isfinite([one.noise, one.mean, one.deviation]).all()
    still = series_statistics(np.full(len(values), values[0]), period)
    assert (still.deviation, still.noise, still.unit_root, still.periods) == (0, 0, None, ())


def test_gaps_between_and_at_the_ends() -> None:
    line = np.arange(30.0)
    seen = np.ones(30, bool)
    seen[[0, 1, 10, 29]] = False
    one = series_statistics(np.where(seen, line, 1e9), 1, seen)
    assert (one.steps, one.missing, one.least, one.most) == (27, 4, 2, 28)
    with pytest.raises(ValueError, match="nothing was observed"):
        series_statistics(line, 1, np.zeros(30, bool))


# --- the page


class Tags(HTMLParser):
    """Raises where a tag is not closed, or one is there that could load or run something."""

    alone = ("meta",)

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src", "xlink:href")]
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in self.alone:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def check_page(html: str) -> Tags:
    tags = Tags()
    tags.feed(html)
    tags.close()
    assert tags.open == []
    assert not tags.seen & {"script", "link", "iframe", "object", "embed", "img", "form"}
    assert all(address.startswith(("#", "data:image/png;base64,")) for address in tags.addresses)
    assert not re.search(r"https?://|url\((?!#)|@import", html)
    return tags


EVIL = "<script>alert('x')</script>\"&'"


def test_names_from_data_stay_text() -> None:
    frame = noisy().rename(columns={"c0": EVIL, "c1": "b</svg><img src=x onerror=alert(1)>"})
    forecaster = latentcast.fit(frame, "naive", lookback=48, horizon=6)
    tags = check_page(forecaster.explain(frame).to_html())
    assert {"svg", "table", "h1", "h2", "h3", "figcaption", "title"} <= tags.seen


@given(st.text())
def test_any_text_is_text(text: str) -> None:
    html = page(text, {text: text}, [Finding(text, text, text, "text", (text,), texts=((text,),))], (text,))
    check_page(html) if not re.search(r"https?://|url\(|@import", text) else None
    assert "<" not in escaped(text)


def test_every_figure_has_a_name_and_a_sentence() -> None:
    frame = noisy()
    html = latentcast.fit(frame, "naive", lookback=48, horizon=6).explain(frame).to_html()
    for name in re.findall(r'<svg [^>]*aria-labelledby="([^"]+)"', html):
        assert f'<title id="{name}">' in html
    for name in re.findall(r'aria-describedby="([^"]+)"', html):
        assert f'<p id="{name}">' in html
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(ids) == len(set(ids))


def test_a_finding_whose_names_do_not_fit_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="heat"):
        Finding("s", "t", "", "heat", ("a",), ("x", "y"), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="table"):
        Finding("s", "t", "", "table", ("a",), ("x", "y"), texts=(("1",),))


def test_what_is_nothing_can_be_drawn() -> None:
    nan = np.full((1, 3), np.nan)
    empty = [
        Finding("s", "lines", "", "lines", ("a",), ("1", "2", "3"), nan),
        Finding("s", "heat", "", "heat", ("a",), ("1", "2", "3"), nan),
        Finding("s", "flat", "", "heat", ("a",), ("1",), np.zeros((1, 1))),
        Finding("s", "bars", "", "bars", ("a", "b"), values=np.array([-1.0, 0.0])),
    ]
    html = page("nothing", {}, empty, ())
    check_page(html)
    assert not re.search(r"[\">, ]nan[\"<, ]", html)


def test_dates_are_thinned_where_days_begin() -> None:
    hours = [str(stamp)[:16] for stamp in pd.date_range("2024-01-01 05:00", periods=96, freq="h")]
    assert [text for _, text in places(hours)] == ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"]
    assert places([str(n) for n in range(100)], 8)[1] == (13, "13")


def test_colours_begin_where_differences_are_seen() -> None:
    assert ends(np.array([[-2.0, 0.0, 1.0, np.nan]])) == (-2, 2)
    assert [ends(np.array([low, 1.0])) for low in (0.3, 0.7, 0.99)] == [(0, 1), (0.7, 1), (0, 1)]
    assert ends(np.zeros(2)) == ends(np.array([np.nan])) == (0, 1)


CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium here")
def test_it_opens_in_a_browser_without_network(tmp_path: Path) -> None:
    frame = noisy().rename(columns={"c0": EVIL})
    latentcast.fit(frame, "naive", lookback=48, horizon=6).explain(frame).save(tmp_path / "report.html")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND"]
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    shot = [f"--screenshot={tmp_path / 'page.png'}", "--window-size=1000,1600", (tmp_path / "report.html").as_uri()]
    subprocess.run([CHROMIUM, *options, profile, *shot], check=True, capture_output=True, timeout=300)
    drawn = imread(tmp_path / "page.png")[..., :3]
    assert drawn.shape[:2] == (1600, 1000)
    assert 0.7 < (drawn.min(2) > 0.95).mean() < 0.995  # a light page with something on it
    orange = (np.abs(drawn - np.array([0xD5, 0x5E, 0x00]) / 255) < 0.08).all(2)
    assert orange.sum() > 50  # the forecast's line


# --- doors


def test_faults_are_said_at_once() -> None:
    frame = noisy()
    forecaster = latentcast.fit(frame, "naive", lookback=48, horizon=6)
    with pytest.raises(SettingsError) as raised:
        forecaster.explain(frame, attribution="occlussion", fill="seasonal", stretch=0)
    assert len(raised.value.faults) == 3
    assert "did you mean occlusion" in str(raised.value)
    with pytest.raises(SettingsError, match="the look-back has 48 steps"):
        forecaster.explain(frame, stretch=49)
    with pytest.raises(DataError, match="no series 'c9' that is forecast; known: c0, c1"):
        forecaster.explain(frame, item="c9")
    blank = frame.copy()
    blank.loc[len(blank) - 48 :, ["c0", "c1"]] = np.nan
    with pytest.raises(DataError, match="nothing was observed"):
        forecaster.explain(blank)
    with pytest.raises(CheckpointError, match="cannot be written"):
        forecaster.explain(frame, attribution="none").save("/nowhere/x.html")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_on_the_command_line(tmp_path: Path) -> None:
    frame = noisy()
    frame.to_csv(tmp_path / "data.csv", index=False)
    latentcast.fit(frame, "naive", lookback=48, horizon=6).save(tmp_path / "model")
    call = ["explain", str(tmp_path / "model"), str(tmp_path / "data.csv"), "--out"]
    page_file, json_file = tmp_path / "report.html", tmp_path / "report.json"
    done = CliRunner().invoke(app, [*call, str(page_file), "--json", str(json_file), "--item", "c1", "--level", "80"])
    assert done.exit_code == 0, done.output
    check_page(page_file.read_text(encoding="utf-8"))
    found = json.loads(json_file.read_text(encoding="utf-8"))
    assert found["series"] == ["c1"]
    assert set(found["forecast"]["c1"]) == {"ds", "values", "lo-80", "hi-80"}
    again = CliRunner().invoke(app, [*call, str(page_file)])
    assert isinstance(again.exception, CheckpointError)
    assert "--overwrite" in str(again.exception)
    assert CliRunner().invoke(app, [*call, str(page_file), "--overwrite"]).exit_code == 0
    noisy().rename(columns={"c0": "d0"}).to_csv(tmp_path / "other.csv", index=False)
    other = ["explain", str(tmp_path / "model"), str(tmp_path / "other.csv"), "--out", str(tmp_path / "other.html")]
    assert isinstance(CliRunner().invoke(app, other).exception, DataError)
    moved = CliRunner().invoke(app, [*other, "--transfer", "--set", "data.columns=[d0]"])
    assert moved.exit_code == 0, moved.output
    assert "d0" in (tmp_path / "other.html").read_text(encoding="utf-8")
    wrong = CliRunner().invoke(app, [*call, str(tmp_path / "report.pdf")])
    assert isinstance(wrong.exception, SettingsError)
    assert ".html" in str(wrong.exception)
    text = CliRunner().invoke(app, [*call, str(page_file), "--overwrite", "--level", "many"])
    assert isinstance(text.exception, SettingsError)


def test_each_row_has_colours_of_its_own_where_rows_differ_in_size() -> None:
    from latentcast.explain.figures import by_row

    values = np.array([[1000.0, 500.0], [0.002, 0.001], [0.0, 0.0], [np.nan, -4.0]])
    np.testing.assert_array_equal(by_row(values), [[1, 0.5], [1, 0.5], [0, 0], [np.nan, -1]])
    heat = Finding("s", "t", "", "heat", ("a", "b", "c", "d"), ("1", "2"), values, each_row=True)
    assert "of the row's most" in draw(heat, "x")
    assert heat.to_dict()["each_row"] is True
    assert "each_row" not in Finding("s", "t", "", "heat", ("a",), ("1",), values[:1, :1]).to_dict()


def test_every_channel_that_is_drawn_has_its_look_back_and_every_channel_its_movement() -> None:
    from latentcast.explain.attribution import Occlusion
    from latentcast.explain.attribution_findings import of_channels, of_stretches

    channels = tuple(f"c{number}" for number in range(30))
    stamps = tuple(map(str, range(8)))
    shown = WindowLabels(channels, (0, 2), tuple(range(30)), stamps, ("9",), lambda values: values)
    moved = np.zeros((2, 1, 30))
    moved[0, 0, 0], moved[1, 0, 2] = 3.0, 5.0
    found = Occlusion((0, 4), 4, "line", moved)
    one, two, heat = of_stretches(found, [0, 2], shown, np.arange(16.0).reshape(2, 8), "in units")
    assert one.title.startswith("c0: the look-back")
    assert "The forecast of c2 moves most without 4 to 7, 4 to 1 steps before its start: by 5" in two.sentence
    np.testing.assert_array_equal(two.values, [np.arange(8.0, 16.0)])
    np.testing.assert_array_equal(two.shade, [0] * 4 + [5] * 4)
    assert heat.each_row
    each = np.zeros((30, 2))
    each[29] = 7.0
    by_channel = of_channels(each, shown, "in units")
    assert len(by_channel.columns) == 24
    assert by_channel.columns[-1] == "c29"
    assert by_channel.facts["movement"]["c2"]["c29"] == 7
    assert len(by_channel.facts["movement"]["c0"]) == 30


def test_the_direction_of_a_trend_is_told() -> None:
    t, noise = np.arange(60.0), np.random.default_rng(0).normal(size=60)
    told = [series_statistics(values).direction for values in (t + noise, -t + noise, noise, np.full(60, 2.0))]
    assert told == ["rising", "falling", "level", "level"]


def test_members_of_a_hybrid_that_read_less_than_it_are_explained() -> None:
    steps = np.arange(300)
    frame = pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=300), "y": steps % 7 + np.sin(steps)})
    member = {"label": "short", "model": {"name": "ridge"}, "lookback": 21}
    model = {"members": [member, "seasonal-naive"], "fusion": "average"}
    hybrid = latentcast.fit(frame, "hybrid", lookback=35, horizon=7, settings={"model": model})
    (found,) = [one for one in hybrid.explain(frame, attribution="none").findings if one.section == "The linear map"]
    assert found.values is not None
    assert found.values.shape == (7, 21)
    assert (found.columns[0], found.columns[-1]) == ("2024-10-06", "2024-10-26")
