"""The command line: each command, and that bad input ends in one clear message without a traceback."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pooch
import pytest

from latentcast import cli
from latentcast.data.sources.catalog import DATASETS
from latentcast.models.config.presets import MODEL_PRESETS
from llms import folder

QUICK = ["--set", "training.max_steps=2", "--set", "training.loggers=[]"]
SIZES = ["-L", "14", "-H", "7"]


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, data: Path) -> Run:
    """`latentcast ARGUMENTS` in a folder of its own, on a terminal of 80 columns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["latentcast", *map(str, arguments)])
        try:
            cli.main()
            code: object = 0
        except SystemExit as exit:
            code = exit.code or 0
        said = capsys.readouterr()
        assert "Traceback" not in said.err + said.out
        assert isinstance(code, int)
        return Ran(code, said.out, said.err)

    return call


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of good.csv and of files that each have one fault."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    n = 200
    stamps = pd.date_range("2020-01-01", periods=n, freq="D")
    good = pd.DataFrame({"date": stamps, "a": np.sin(np.arange(n) / 5), "b": rng.normal(5, 1, n)})
    long = pd.concat(
        [
            pd.DataFrame({"unique_id": name, "ds": stamps[:k], "y": rng.normal(0, 1, k)})
            for name, k in (("shop", 120), ("tiny", 9))
        ]
    )

    def spoiled(column: str, row: int, value: object) -> pd.DataFrame:
        frame = good.astype({"date": str, column: object}) if column != "date" else good.astype({"date": str})
        frame.loc[row, column] = value
        return frame

    frames = {
        "good": good,
        "header": good.iloc[:0],
        "notime": good.drop(columns="date"),
        "badtime": spoiled("date", 3, "yesterday"),
        "nodate": spoiled("date", 3, None),
        "twice": pd.concat([good, good.iloc[5:6].assign(a=-1.0)]),
        "unsorted": good.iloc[::-1],
        "missingsteps": good.drop([50, 51]),
        "irregular": spoiled("date", 7, "2020-01-08 03:00:00"),
        "infinite": spoiled("a", 7, "-inf"),
        "text": spoiled("a", 7, "oops"),
        "missing": spoiled("a", 7, None),
        "constant": good.assign(a=1.0, b=2.0),
        "short": good.iloc[:20],
        "onlytime": good[["date"]],
        "other": good.rename(columns={"b": "c"}),
        "long": long,
        "goodlong": long[long["unique_id"] == "shop"],
        "brackets": good.rename(columns={"a": "[/red]", "b": "[bold]"}),
    }
    for name, frame in frames.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    (folder / "empty.csv").touch()
    (folder / "binary.parquet").write_bytes(b"nonsense")
    (folder / "binary.csv").write_bytes(bytes(range(256)))
    (folder / "notes.pdf").write_text("hello", encoding="utf-8")
    (folder / "sub").mkdir()
    return folder


@pytest.fixture(scope="session")
def saved(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that fit wrote."""
    import latentcast

    folder = tmp_path_factory.mktemp("fitted") / "saved"
    latentcast.fit(data / "good.csv", "naive", lookback=14, horizon=7, out=folder)
    return folder


def one_message(ran: Ran, *words: str) -> None:
    """Exit code 1, nothing on stdout, and one message that holds the words."""
    assert ran.code == 1, ran
    assert ran.err.count("error:") == 1, ran.err
    for word in words:
        assert word in ran.err, ran.err


# --- the interface


def test_fit_predict_evaluate(run: Run, data: Path) -> None:
    ran = run("fit", data / "good.csv", "--model", "dlinear", *SIZES, *QUICK, "--out", "model")
    assert ran.code == 0, ran.err
    for words in ("dlinear on good.csv: 2 series, 200 steps, frequency D", "windows", "saved in model", "MASE"):
        assert words in ran.out
    ran = run("predict", "model", data / "good.csv", "--out", "f.csv", "--plot", "f.png")
    assert ran.code == 0, ran.err
    assert "14 rows in f.csv (2020-07-19 00:00:00 .. 2020-07-25 00:00:00)" in ran.out
    forecast = pd.read_csv("f.csv")
    assert list(forecast.columns) == ["unique_id", "ds", "dlinear"]
    assert len(forecast) == 14
    assert Path("f.png").read_bytes().startswith(b"\x89PNG")
    ran = run("evaluate", "model", data / "good.csv", "--part", "test", "--json", "scores.json")
    assert ran.code == 0, ran.err
    assert "34 windows" in ran.out
    scores = json.loads(Path("scores.json").read_text(encoding="utf-8"))
    assert scores["windows"] == 34
    assert set(scores["scaled"]) == {"MSE", "MAE", "RMSE", "MAPE", "MSPE", "sMAPE", "MASE"}
    assert set(scores["original"]) == set(scores["scaled"])


def test_fit_by_a_file_of_settings(run: Run, data: Path) -> None:
    text = "model: {name: dlinear, kernel: 5}\nlookback: 14\nhorizon: 7\ntraining: {max_steps: 2, lr: 1e-3}\n"
    Path("run.yaml").write_text(text, encoding="utf-8")
    ran = run("fit", data / "good.csv", "--config", "run.yaml", "--horizon", "5", "--seed", "3", "--out", "model")
    assert ran.code == 0, ran.err
    settings = json.loads(Path("model/card.json").read_text(encoding="utf-8"))["settings"]
    assert (settings["model"]["kernel"], settings["horizon"], settings["seed"]) == (5, 5, 3)
    assert settings["training"]["lr"] == 1e-3


def test_backtest(run: Run, data: Path) -> None:
    arguments = ["backtest", data / "good.csv", "--models", "naive, seasonal-naive", *SIZES, "--n-windows", "3"]
    ran = run(*arguments, "--out", "b.parquet")
    assert ran.code == 0, ran.err
    assert "3 origins, 7 steps apart, horizon 7" in ran.out
    assert "3 origins, 1 step apart, horizon 7" in run(*arguments, "--step-size", "1").out
    assert "seasonal-naive" in ran.out
    frame = pd.read_parquet("b.parquet")
    assert list(frame.columns) == ["unique_id", "ds", "cutoff", "y", "naive", "seasonal-naive"]
    one_message(run(*arguments, "--out", "b.parquet"), "exists", "--overwrite")
    assert run(*arguments, "--out", "b.parquet", "--overwrite").code == 0


def test_intervals(run: Run, data: Path, saved: Path) -> None:
    shutil.copytree(saved, "model")
    ran = run("predict", "model", data / "good.csv", "--level", "90,80", "--out", "f.csv", "--plot", "f.png")
    assert ran.code == 0, ran.err
    assert "intervals: conformal around the point forecast, by its scores on 14 held-out windows (val part)" in ran.out
    ends = [f"naive-{end}" for end in ("lo-90", "lo-80", "hi-80", "hi-90")]
    assert list(pd.read_csv("f.csv").columns) == ["unique_id", "ds", "naive", *ends]
    assert Path("f.png").stat().st_size > 10_000
    ran = run("evaluate", "model", data / "good.csv", "--level", "80,90", "--json", "s.json")
    assert ran.code == 0, ran.err
    assert "coverage" in ran.out
    levels = json.loads(Path("s.json").read_text(encoding="utf-8"))["intervals"]["original"]["levels"]
    assert set(levels) == {"80", "90"}
    assert set(levels["80"]) == {"coverage", "width", "score", "worst_decile"}
    ran = run("evaluate", "model", data / "good.csv", "--level", "80", "--interval-method", "adaptive")
    assert "adaptive around" in ran.out
    ran = run("calibrate", "model", data / "good.csv", "--part", "test")
    assert ran.code == 0, ran.err
    assert "34 held-out windows (test part)" in ran.out
    assert (
        "judged on windows that they were calibrated on"
        in run("evaluate", "model", data / "good.csv", "--level", "80").err
    )
    arguments = ["--models", "naive,seasonal-naive", *SIZES, "--n-windows", "3", "--level", "80"]
    ran = run("backtest", data / "good.csv", *arguments, "--out", "b.csv")
    assert ran.code == 0, ran.err
    assert "seasonal-naive: conformal around" in ran.out
    assert "naive-hi-80" in pd.read_csv("b.csv").columns


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--level", "80,high"], ["--level 80,high: wanted numbers of per cent"]),
        (["--level", "0.9"], ["for 90 % say 90"]),
        (["--level", "100,0"], ["2 settings are wrong", "between 0 and 100"]),
        (["--level", "99"], ["needs at least 99 held-out windows", "28", "the highest level is 96.55"]),
        (["--level", "80", "--interval-method", "quantiles"], ["naive forecasts points alone", "model.head=quantile"]),
        (["--level", "80", "--interval-method", "pathes"], ["did you mean paths?"]),
        (["--interval-method", "adaptive"], ["interval_method='adaptive': of intervals of which level?"]),
        (["--paths", "50"], ["paths=50: of intervals of which level?"]),
        (["--level", "80", "--paths", "50"], ["paths=50: conformal intervals of this naive draw no paths"]),
    ],
)
def test_intervals_that_cannot_be_had(run: Run, data: Path, saved: Path, options: list[str], words: list[str]) -> None:
    one_message(run("predict", saved, data / "good.csv", "--out", "f.csv", *options), *words)
    assert not Path("f.csv").exists()


@pytest.mark.slow
def test_leaderboard(run: Run, data: Path) -> None:
    def write(models: str) -> None:
        common = f"datasets: {data / 'good.csv'}\nhorizons: 7\ncommon: {{lookback: 14}}\n"
        Path("board.yaml").write_text(f"{common}models: {{naive: , {models}}}\n", encoding="utf-8")

    arguments = ["benchmark", "board.yaml", "--out", "board", "--workers", "0"]
    write("'[bold]': naive")
    ran = run(*arguments)
    assert ran.code == 0, ran.err
    assert "1 of 1: [bold] on " in ran.err  # two labels of the same settings are one cell
    for words in ("one seed (0)", "[bold]", "MSE", "Average rank", "table.md"):
        assert words in ran.out
    assert run(*arguments).err == "2 of 2 cells are finished already\n"
    write("x: {model: dlinear, lookbak: 3}")
    one_message(run(*arguments), "models.x: lookbak: no such setting; did you mean lookback?")
    write("x: {model: naive, lookback: 1000}")
    ran = run(*arguments)
    assert ran.code == 1
    assert "no window of 1000 + 7 steps" in ran.err
    assert "0/1" in ran.out


@pytest.mark.slow
def test_ablate(run: Run, data: Path) -> None:
    chosen = [f"--set=model.backbone.{text}" for text in (f"llm={folder('gpt2')}", "llm_layers=1", "num_prototypes=8")]
    arguments = ["ablate", data / "good.csv", "-L", 14, "-H", 7, "--out", "abl", "--workers", 0, *chosen]
    ran = run(*arguments, "--seeds", "0,1", "--set=training.max_steps=1")
    assert ran.code == 0, ran.err
    assert "12 of 12: " in ran.err
    for words in ("one attention layer", "MSE apart", "learned", "These numbers", "the language model", "ablation.md"):
        assert words in ran.out
    assert max(map(len, ran.out.split("\n\n")[0].splitlines()[1:])) <= 80
    ran = run(*arguments, "--seeds", "0", "--set=training.max_steps=1")
    assert ran.err == "6 of 6 cells are finished already\n"
    assert "is not said: one seed tells nothing" in ran.out
    one_message(run(*arguments[:-3], "--model", "pattn"), "pattn has no language model to switch off; choose time-llm")
    one_message(run(*arguments, "--seeds", "a"), "--seeds a: wanted whole numbers, separated by commas")


def test_models_and_datasets(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = run("models")
    assert all(name in ran.out for name in MODEL_PRESETS)
    monkeypatch.delenv("LATENTCAST_DATA", raising=False)
    ran = run("datasets")
    assert all(name in ran.out for name in DATASETS)
    assert "LATENTCAST_DATA" in ran.out


def test_describe(run: Run, data: Path) -> None:
    ran = run("describe", data / "missing.csv", "--set", "data.gaps=error")
    assert ran.code == 0
    for words in ("wide: 2 channels", "a, b", "D (season of 7 steps)", "1 of 400", "train 140"):
        assert words in ran.out
    assert "a fit would refuse this" in ran.err
    assert "long: 2 series" in run("describe", data / "long.csv").out


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("data.holidays=XX", ["no such country", "more"]),
        ("data.transform=boxcox", ["wants values above 0", "in a)"]),
        ("data.resample=foo", ["resample='foo' is no frequency"]),
    ],
)
@pytest.mark.parametrize("model", [[], ["-m", "naive", *SIZES]])
def test_describe_refuses_what_a_fit_would(
    run: Run, data: Path, setting: str, words: list[str], model: list[str]
) -> None:
    ran = run("describe", data / "good.csv", "--set", setting, *model)
    one_message(ran, *words)
    assert f"--set {setting}" not in ran.err
    fitted = run("fit", data / "good.csv", "-m", "naive", *SIZES, "--out", "m", "--set", setting)
    assert fitted.err.splitlines()[-1] == ran.err.splitlines()[-1]


def test_transfer(run: Run, data: Path) -> None:
    good, other = data / "good.csv", data / "other.csv"
    pd.read_csv(good).assign(d=1.0 + np.arange(200) % 7).to_csv("wider.csv", index=False)
    assert run("fit", good, "-m", "dlinear", *SIZES, *QUICK, "--out", "m").code == 0
    ran = run("evaluate", "m", "wider.csv", "--transfer", "--json", "r.json")
    assert ran.code == 0, ran.err
    assert "zero-shot: dlinear learned from good.csv" in ran.err
    assert "wider.csv is scaled by its own training part (140 of 200 steps)" in ran.err
    assert json.loads(Path("r.json").read_text())["scaled"]["MSE"] > 0
    ran = run("predict", "m", "wider.csv", "--transfer", "--out", "f.csv", "--plot", "f.png")
    assert ran.code == 0, ran.err
    assert "scaled by all its past (200 steps)" in ran.err
    assert set(pd.read_csv("f.csv")["unique_id"]) == {"a", "b", "d"}
    ran = run("predict", "m", "wider.csv", "--transfer", "--set", "data.split=0.5,0.2,0.3", "--out", "g.csv")
    assert "its own training part (100 of 200 steps)" in ran.err
    one_message(run("evaluate", "m", "wider.csv"), "not in the fit: d", "--transfer")
    one_message(run("evaluate", "m", other, "--gaps", "ffill"), "data.gaps", "--transfer")
    refused = run("predict", "m", data / "missing.csv", "--transfer", "--gaps", "error", "--out", "h.csv")
    one_message(refused, "--gaps mask)")
    assert run("predict", "m", data / "missing.csv", "--transfer", "--gaps", "ffill", "--out", "h.csv").code == 0


def test_few_shot(run: Run, data: Path) -> None:
    good = data / "good.csv"
    ran = run("fit", good, "-m", "dlinear", *SIZES, *QUICK, "--fraction", "0.2", "--out", "m")
    assert ran.code == 0, ran.err
    assert "few-shot" in ran.err
    assert f"forecast: {14 + (140 - 14) // 5 - 20} windows" in ran.out
    ran = run("fit", good, "-m", "dlinear", *SIZES, *QUICK, "--fraction", "0.01", "--out", "n")
    one_message(ran, "21 steps are needed", "(as an option: --fraction …)")
    assert not Path("n").exists()
    one_message(run("fit", good, "-m", "dlinear", *SIZES, "--fraction", "2", "--out", "n"), "data.fraction: got 2.0")


@pytest.mark.slow
def test_several_datasets(run: Run, data: Path) -> None:
    both = f"{data / 'good.csv'},{data / 'goodlong.csv'}"
    ran = run("fit", both, "-m", "dlinear", *SIZES, *QUICK, "--weights", "1,2", "--out", "m")
    assert ran.code == 0, ran.err
    assert "and on goodlong.csv: 1 series" in ran.out
    card = json.loads(Path("m/card.json").read_text())
    assert [(one["data"], one["weight"]) for one in card["datasets"]] == [("good.csv", 1.0), ("goodlong.csv", 2.0)]
    small = ["--set", "model.representation.mix=false", "--set", "model.representation.ratios=2"]
    small += ["--set", "model.representation.channels=8", "--set", "stages.reconstruct.max_steps=2"]
    ran = run("pretrain", both, "-m", "latent-transformer", "-L", "10", *small, "--out", "p")
    assert ran.code == 0, ran.err
    fit = ["-m", "dlinear", *SIZES, "--out", "x"]
    one_message(run("fit", both, *fit, "--weights", "1"), "wanted one positive number for each of 2")
    one_message(run("fit", both, *fit, "--weights", "a,b"), "--weights a,b: wanted numbers")
    one_message(run("fit", f"{data / 'good.csv'},{data / 'short.csv'}", *fit), "short.csv:", "shorter")
    one_message(run("fit", f"{data / 'good.csv'},nothing.csv", *fit), "there is no file nothing.csv")
    one_message(run("fit", both, "-m", "transformer", *SIZES, "--out", "x"), "channels: transformer mixes")


def test_a_comma_in_the_name_of_a_file(run: Run, data: Path) -> None:
    Path("good,2020.csv").write_bytes((data / "good.csv").read_bytes())
    ran = run("fit", "good,2020.csv", "-m", "dlinear", *SIZES, *QUICK, "--out", "m")
    assert ran.code == 0, ran.err
    assert "datasets" not in json.loads(Path("m/card.json").read_text())


def test_output_fits_80_columns(run: Run, data: Path, saved: Path) -> None:
    for arguments in (
        ("models",),
        ("datasets",),
        ("describe", data / "good.csv"),
        ("evaluate", saved, data / "good.csv"),
        ("evaluate", saved, data / "good.csv", "--level", "80,90"),
        ("backtest", data / "good.csv", "--models", "naive,seasonal-naive", *SIZES),
        ("backtest", data / "good.csv", "--models", "naive,seasonal-naive", *SIZES, "--level", "80,90"),
    ):
        for line in run(*arguments).out.splitlines():
            assert len(line.rstrip()) <= 80 or line.startswith("found:") or " around the point forecast" in line, line


def test_names_are_never_markup(run: Run, data: Path) -> None:
    file = data / "brackets.csv"
    assert "[/red], [bold]" in run("describe", file).out
    assert run("fit", file, "-m", "naive", *SIZES, "--out", "[/red]").code == 0
    assert run("predict", "[/red]", file, "--out", "[bold].csv").code == 0
    one_message(run("predict", "[/red]", data / "good.csv", "--out", "x.csv"), "missing: [/red], [bold]")


def test_what_was_done_to_the_data_is_said_once(run: Run, data: Path) -> None:
    ran = run("fit", data / "unsorted.csv", "-m", "naive", *SIZES, "--out", "m")
    assert ran.code == 0
    assert ran.err.count("sorted") == 1
    ran = run("predict", "m", data / "unsorted.csv", "--out", "f.csv", "--plot", "f.png")
    assert ran.err.count("sorted") == 1


# --- bad data


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("empty.csv", ["is empty"]),
        ("header.csv", ["no row"]),
        ("notime.csv", ["no time column", "a, b", "(as an option: --time …)"]),
        ("badtime.csv", ["date", "'yesterday'", "row 3"]),
        ("nodate.csv", ["date", "row 3"]),
        ("twice.csv", ["2020-01-06", "twice"]),
        ("irregular.csv", ["irregular", "2020-01-08T03", "data.steps=rows", "(as an option: --set data.snap=true)"]),
        ("infinite.csv", ["infinite", "a, row 7"]),
        ("text.csv", ["must be numbers", "'oops'", "row 7"]),
        ("onlytime.csv", ["no value column"]),
        ("binary.parquet", ["binary.parquet cannot be read"]),
        ("binary.csv", ["binary.csv", "UTF-8"]),
        ("notes.pdf", ["ends in .pdf", ".csv"]),
        ("sub", ["is a folder"]),
        ("god.csv", ["there is no file", "did you mean good.csv"]),
        ("nowhere/good.csv", ["there is no file", "no folder"]),
    ],
)
def test_bad_data(run: Run, data: Path, file: str, words: list[str]) -> None:
    one_message(run("fit", data / file, "-m", "naive", *SIZES, "--out", "model"), *words)
    assert not Path("model").exists()


@pytest.mark.parametrize(
    ("file", "words"), [("constant.csv", ["constant", "a, b"]), ("short.csv", ["14 + 7 = 21", "20 steps"])]
)
def test_data_that_nothing_can_be_learned_from(run: Run, data: Path, file: str, words: list[str]) -> None:
    one_message(run("fit", data / file, "-m", "dlinear", *SIZES, "--out", "model"), *words)
    assert not Path("model").exists()
    ran = run("fit", data / file, "-m", "naive", *SIZES, "--out", "model")
    assert ran.code == 0
    assert "note: " in ran.err


@pytest.mark.parametrize(
    ("columns", "option"),
    [
        (["tea", "coffee", "milk"], "data.ignore=tea,coffee,milk"),
        (["Shop Name"], "data.ignore='Shop Name'"),
        (["Price (EUR)", "it's"], """data.ignore='Price (EUR),it'"'"'s'"""),
    ],
)
def test_the_option_that_an_error_names_can_be_pasted(run: Run, data: Path, columns: list[str], option: str) -> None:
    frame = pd.read_csv(data / "good.csv")
    damaged = np.where(np.arange(len(frame)) % 3 == 0, "x", "7")
    frame.assign(**dict.fromkeys(columns, damaged)).to_csv("texts.csv", index=False)
    one_message(run("describe", "texts.csv"), f"\n(as an option: --set {option})\n")
    assert run("describe", "texts.csv", "--set", *shlex.split(option)).code == 0


def test_a_format_that_an_error_names_can_be_pasted(run: Run, data: Path) -> None:
    frame = pd.read_csv(data / "good.csv", parse_dates=["date"]).head(10)
    frame.assign(date=frame["date"].dt.strftime("%m.%d.%Y %H:%M")).to_csv("days.csv", index=False)
    option = "data.time_format='%m.%d.%Y %H:%M'"
    one_message(run("describe", "days.csv"), f"\n(as an option: --set {option})\n")
    assert run("describe", "days.csv", "--set", *shlex.split(option)).code == 0


def test_a_file_named_like_a_setting_is_none(run: Run) -> None:
    assert "option" not in run("fit", "data.csv", "-m", "naive", *SIZES, "--out", "m").err


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("missing.csv", ["missing", "a at 2020-01-08", "(as an option: --gaps mask)"]),
        ("missingsteps.csv", ["missing", "2 whole time steps", "data.gaps"]),
    ],
)
def test_gaps_can_be_refused(run: Run, data: Path, file: str, words: list[str]) -> None:
    one_message(run("fit", data / file, "-m", "naive", *SIZES, "--out", "model", "--gaps", "error"), *words)


def test_short_series_are_padded_and_that_is_said(run: Run, data: Path) -> None:
    ran = run("fit", data / "long.csv", "-m", "naive", *SIZES, "--out", "m")
    assert ran.code == 0
    assert "the training part of 1 of 2 series is shorter than look-back + horizon = 14 + 7" in ran.err
    ran = run("predict", "m", data / "long.csv", "--out", "f.csv")
    assert "1 of 2 series are shorter than the look-back of 14 steps" in ran.err
    assert pd.read_csv("f.csv").groupby("unique_id").size().tolist() == [7, 7]


def test_gaps_are_masked_or_filled_when_asked(run: Run, data: Path) -> None:
    for policy in ("mask", "interpolate", "ffill"):
        ran = run("fit", data / "missingsteps.csv", "-m", "naive", *SIZES, "--out", policy, "--gaps", policy)
        assert ran.code == 0
        assert f"gaps={policy}" in ran.err


def test_unknown_dataset(run: Run) -> None:
    one_message(run("fit", "ETTh9", "-m", "naive", *SIZES, "--out", "m"), "'ETTh9'", "ETTh1")


def test_a_dataset_that_cannot_be_fetched(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise ConnectionError("Name or service not known")

    monkeypatch.delenv("LATENTCAST_DATA", raising=False)
    monkeypatch.setattr(pooch, "retrieve", no_network)
    ran = run("fit", "ETTh1", "-m", "naive", *SIZES, "--out", "m")
    one_message(ran, "ETTh1 could not be fetched", "Name or service not known", "LATENTCAST_DATA")


# --- bad settings


def test_unknown_model_and_preset(run: Run, data: Path) -> None:
    good = data / "good.csv"
    one_message(run("fit", good, "-m", "dlinaer", *SIZES, "--out", "m"), "'dlinaer'", "did you mean dlinear?")
    ran = run("fit", good, "-m", "transformer", "--preset", "smal", *SIZES, "--out", "m")
    one_message(ran, "'smal'", "did you mean small?")
    one_message(run("fit", good, *SIZES, "--out", "m"), "model: is required", "dlinear")


def test_all_wrong_settings_in_one_message(run: Run, data: Path) -> None:
    wrong = ["training.lr=fast", "training.max_epoch=3", "data.gaps=guess", "lr=1", "model.kernel=4"]
    options = [part for text in wrong for part in ("--set", text)]
    ran = run("fit", data / "good.csv", "-m", "dlinear", "-H", "0", *options, "--out", "m")
    one_message(ran, "6 settings are wrong", "horizon: got 0", "did you mean training.lr?")
    one_message(ran, "training.lr: got 'fast'", "did you mean max_epochs", "data.gaps: got 'guess'", "model.kernel")
    assert not Path("m").exists()


def test_assignments_that_are_none(run: Run, data: Path) -> None:
    ran = run("fit", data / "good.csv", "-m", "naive", *SIZES, "--set", "training.lr", "--set", "=3", "--out", "m")
    one_message(ran, "2 settings are wrong", "--set training.lr: wanted key=value")


def test_configurations_that_are_none(run: Run, data: Path) -> None:
    Path("list.yaml").write_text("- 1\n", encoding="utf-8")
    Path("broken.yaml").write_text("a: [\n", encoding="utf-8")
    for file, words in (("none.yaml", "none.yaml"), ("list.yaml", "mapping"), ("broken.yaml", "is not YAML")):
        one_message(run("fit", data / "good.csv", "--config", file, *SIZES, "--out", "m"), words)


def test_describe_takes_settings_of_data_alone(run: Run, data: Path) -> None:
    one_message(run("describe", data / "good.csv", "--set", "training.lr=1"), "training.lr", "data alone")
    one_message(run("describe", data / "good.csv", "--set", "data.gasp=ffill"), "did you mean gaps?")


def test_wrong_options_keep_their_usual_form(run: Run, data: Path, saved: Path) -> None:
    for arguments in (
        ["fit", data / "good.csv"],
        ["fit", data / "good.csv", "--out", "m", "-L", "long"],
        ["predict", saved],
        ["evaluate", saved, data / "good.csv", "--batch-size", "0"],
        ["backtest", data / "good.csv"],
        ["forecast"],
        ["fit", "--modle", "x"],
    ):
        ran = run(*arguments)
        assert ran.code == 2
        assert "Usage:" in ran.err


# --- bad folders and files


def test_an_output_folder_that_is_taken(run: Run, data: Path) -> None:
    fit = ["fit", data / "good.csv", "-m", "naive", *SIZES, "--out"]
    Path("taken").mkdir()
    Path("taken/mine.txt").write_text("mine", encoding="utf-8")
    one_message(run(*fit, "taken"), "taken", "not empty", "--overwrite")
    one_message(run(*fit, "taken/mine.txt"), "is a file")
    one_message(run(*fit, "taken/mine.txt/below"), "cannot be written")
    one_message(run(*fit, "/proc/nothing"), "cannot be written")
    assert Path("taken/mine.txt").read_text(encoding="utf-8") == "mine"
    one_message(run(*fit, "taken", "--overwrite"), "latentcast wrote none of them")
    assert Path("taken/mine.txt").read_text(encoding="utf-8") == "mine"
    one_message(run(*fit, "fresh", "--resume"), "no checkpoint", "without --resume")


def test_output_files_that_are_taken_or_wrong(run: Run, data: Path, saved: Path) -> None:
    good = data / "good.csv"
    Path("mine.csv").write_text("mine", encoding="utf-8")
    Path("mine.json").write_text("mine", encoding="utf-8")
    Path("folder.csv").mkdir()
    one_message(run("predict", saved, good, "--out", "mine.csv"), "mine.csv exists", "--overwrite")
    one_message(run("predict", saved, good, "--out", "f.xlsx"), "f.xlsx", ".csv, .parquet")
    one_message(run("predict", saved, good, "--out", "f.csv", "--plot", "f.txt"), ".png, .pdf, .svg")
    one_message(run("predict", saved, good, "--out", "folder.csv"), "is a folder")
    one_message(run("predict", saved, good, "--out", "nowhere/f.csv"), "there is no folder nowhere")
    one_message(run("evaluate", saved, good, "--json", "mine.json"), "mine.json exists", "--overwrite")
    one_message(run("evaluate", saved, good, "--json", "nowhere/m.json"), "there is no folder")
    assert not Path("f.csv").exists()
    assert Path("mine.csv").read_text(encoding="utf-8") == Path("mine.json").read_text(encoding="utf-8") == "mine"
    assert run("predict", saved, good, "--out", "mine.csv", "--overwrite").code == 0
    assert run("evaluate", saved, good, "--json", "mine.json", "--overwrite").code == 0


def test_a_disk_that_is_full(run: Run, data: Path, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    one_message(run("predict", saved, data / "good.csv", "--out", "f.csv"), "f.csv", "No space left")


def test_folders_that_hold_no_model(run: Run, data: Path, saved: Path) -> None:
    good = data / "good.csv"
    Path("foreign").mkdir()
    Path("foreign/config.json").write_text("{}", encoding="utf-8")
    Path("unfinished/checkpoints").mkdir(parents=True)
    for command in (["predict", "--out", "f.csv"], ["evaluate"]):
        name, *options = command
        one_message(run(name, "nowhere", good, *options), "nowhere is no folder", "latentcast fit")
        one_message(run(name, "foreign", good, *options), "was not written by latentcast")
        one_message(run(name, "unfinished", good, *options), "did not finish", "--resume")
    for file in ("weights.safetensors", "card.json", "series.json", "statistics.safetensors"):
        for path in saved.iterdir():
            if path.is_file():
                content = path.read_bytes()
                Path("foreign", path.name).write_bytes(content[: len(content) // 2] if path.name == file else content)
        one_message(run("predict", "foreign", good, "--out", "f.csv"), file, "damaged")


def test_other_data_than_at_the_fit(run: Run, data: Path, saved: Path) -> None:
    ran = run("predict", saved, data / "other.csv", "--out", "f.csv")
    one_message(ran, "channels", "missing: b", "not in the fit: c")
    pd.read_csv(data / "good.csv").assign(q=1.5).to_csv("more.csv", index=False)
    ran = run("predict", saved, "more.csv", "--out", "f.csv")
    one_message(ran, "not in the fit: q", "; drop q from the data")
    assert "data.ignore" not in ran.err
    pd.read_csv(data / "good.csv").head(9).to_csv("nine.csv", index=False)
    ran = run("predict", saved, "nine.csv", "--out", "f.csv")
    assert ran.code == 0
    assert "the data are shorter than the look-back of 14 steps" in ran.err
    one_message(run("evaluate", saved, data / "good.csv", "--part", "tset"), "'tset'", "did you mean test?")
    one_message(run("evaluate", saved, data / "short.csv"), "test part")
    assert run("fit", data / "good.csv", "-m", "naive", *SIZES, "--out", "strict", "--gaps", "error").code == 0
    ran = run("predict", "strict", data / "missing.csv", "--out", "g.csv")
    one_message(ran, "1 values are missing", "when the model is fitted")
    assert "--set" not in ran.err  # predict takes no settings
    one_message(run("predict", saved, data / "irregular.csv", "--out", "i.csv"), "the fit had steps of D")


def test_backtest_refuses(run: Run, data: Path) -> None:
    good = data / "good.csv"
    one_message(run("backtest", good, "--models", "naive,dlinaer", *SIZES), "dlinaer", "did you mean dlinear?")
    one_message(run("backtest", good, "--models", ",", *SIZES), "wanted a list of names")
    one_message(run("backtest", good, "--models", "naive", *SIZES, "--n-windows", "0"), "windows: got 0")
    ran = run("backtest", good, "--models", "naive", *SIZES, "--n-windows", "40")
    one_message(ran, "280 steps are held out", "200 steps")
    one_message(run("backtest", data / "long.csv", "--models", "naive", *SIZES), "tiny (9 steps)")
    one_message(run("backtest", good, "--models", "naive", *SIZES, "--out", "b.txt"), ".csv, .parquet")


def test_demo_says_first_when_it_cannot_write(run: Run) -> None:
    Path("taken").write_text("mine", encoding="utf-8")
    one_message(run("demo", "--out", "taken"), "taken is a file")


# --- as a process

COMMANDS = (
    "fit", "predict", "evaluate", "backtest", "benchmark", "ablate", "models", "datasets", "describe",
    "reconstruction-error", "demo",
)  # fmt: skip


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom latentcast.cli import app\n"
        f"for command in {('', *COMMANDS)!r}:\n"
        "    try:\n        app([command, '--help'] if command else ['--help'])\n"
        "    except SystemExit as exit:\n        assert not exit.code\n"
        "heavy = {'torch', 'lightning', 'pandas', 'numpy', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert all(command in ran.stdout for command in COMMANDS)


def _latentcast(*arguments: object, **options: object) -> "subprocess.Popen[str]":
    """A process that says "ready" when the command line is loaded, and begins."""
    code = "from latentcast.cli import main; print('ready', flush=True); main()"
    return subprocess.Popen(  # type: ignore[call-overload]
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "80"},
        **options,
    )


@pytest.mark.slow
def test_a_process_says_one_line_and_fails(data: Path, tmp_path: Path) -> None:
    process = _latentcast("fit", data / "text.csv", "-m", "naive", *SIZES, "--out", "m", cwd=tmp_path)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (1, "ready\n")
    assert err.startswith("error: values must be numbers")
    assert "Traceback" not in err


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
@pytest.mark.parametrize("seconds", [0.3, 2.0])
def test_ctrl_c_shows_no_traceback(data: Path, tmp_path: Path, seconds: float) -> None:
    arguments = ["backtest", data / "good.csv", "--models", "transformer", *SIZES]
    process = _latentcast(*arguments, "--set", "training.max_epochs=1000", cwd=tmp_path)
    assert process.stdout.readline() == "ready\n"
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode not in (0, None)
    assert "Traceback" not in err, err


@pytest.mark.slow
def test_interrupted_training_says_how_to_go_on(data: Path, tmp_path: Path) -> None:
    fit = ["fit", data / "good.csv", "-m", "dlinear", *SIZES, "--set", "training.patience=null", "--out", "m"]
    process = _latentcast(*fit, "--set", "training.max_epochs=100000", cwd=tmp_path)
    begun = time.monotonic()
    while not (tmp_path / "m/checkpoints/forecast/last.ckpt").exists() and time.monotonic() - begun < 100:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "interrupted" in err
    assert "--resume" in err
    assert "Traceback" not in err


def test_the_list_of_commands_shows_each_with_the_beginning_of_its_text() -> None:
    shown = subprocess.run([sys.executable, "-m", "latentcast", "--help"], capture_output=True, text=True, check=True)
    for command in cli.app.registered_commands:
        assert command.callback is not None
        name = command.name or command.callback.__name__.replace("_", "-")
        assert re.search(rf"│ {name} +{str(command.callback.__doc__)[:25]}", shown.stdout), name
