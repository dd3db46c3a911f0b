"""Calls on fitted models and on data, for `same_numbers`: label → a function that computes numbers."""

import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import latentcast
from benchmarks.accuracy._same_cases import saved
from fixtures.frames import FRAMES
from fixtures.renamed import call, verb

TRAIN = {"max_steps": 2, "loggers": [], "accelerator": "cpu"}
DATA = "LATENTCAST_DATA"


@cache
def kind(name: str) -> Any:
    return saved.KINDS[name][0]()


def waves() -> Any:
    return FRAMES["waves"]()


def verbs() -> dict[str, Callable[[], Any]]:
    return {**_of_forecasters(), **_of_data(), **_of_many()}


def _of_forecasters() -> dict[str, Callable[[], Any]]:
    latent, tokens, llm = "latent-transformer-pretrained", "token-transformer-pretrained", "time-llm"
    return {
        "verb/impute": lambda: latentcast.impute(kind(latent), FRAMES["holed_waves"]()).frame,
        "verb/impute judged": lambda: verb("judge_imputation")(kind(latent), waves(), masks=[0.2, 0.5]),
        "verb/impute judged blocks": lambda: verb("judge_imputation")(kind(latent), waves(), masks=[0.4], block=4),
        "verb/impute judged tail": lambda: verb("judge_imputation")(kind(latent), waves(), masks=[0.25], tail=True),
        "verb/scores codec": lambda: verb("score")(kind("vq-codec"), waves()).frame,
        "verb/scores tokens": lambda: verb("score")(kind(tokens), waves()).frame,
        "verb/members": lambda: verb("members")(kind("hybrid"), waves()),
        "verb/members of many": lambda: verb("members")(kind("hybrid-weighted"), FRAMES["many_lengths"]()),
        "verb/fusion weights": lambda: latentcast.fusion_weights(kind("hybrid")),
        "verb/heat map": lambda: verb("heat_map")(kind(llm), waves()).weights,
        "verb/describe forecaster": lambda: _architecture(kind(llm)),
        "verb/describe tokens": lambda: _architecture(kind(tokens)),
        "verb/summary": lambda: kind("patch-transformer").summary()["architecture"],
        "verb/calibrate quantiles": lambda: _calibrated("quantile-head", base="quantiles"),
        "verb/calibrate points": lambda: _calibrated("quantile-head", base="point", stride=2),
        "verb/calibrate paths": lambda: _calibrated(tokens, base="paths", paths=8, stride=5),
        "verb/evaluate adaptive": lambda: _evaluated("dlinear", level=[50, 60], intervals="adaptive"),
        "verb/evaluate droplast": lambda: _evaluated("dlinear", protocol="paper-droplast:8"),
        "verb/evaluate train": lambda: _evaluated("dlinear", split="train"),
        "verb/evaluate all": lambda: _evaluated("dlinear", split="all", batch_size=7),
        "verb/explain gradient": lambda: _explained("patch-transformer", attribution="gradient", level=60),
        "verb/explain season": lambda: _explained("dlinear", fill="season", item="price"),
        "verb/explain mean": lambda: _explained("hybrid", fill="mean", stretch=8),
        "verb/load at another horizon": lambda: _reloaded("token-transformer-pretrained", horizon=9),
        "verb/load temperature": lambda: _reloaded(
            "token-transformer-pretrained", settings={"model.head.temperature": 0.7}
        ),
        **{
            f"verb/load {decode}": lambda decode=decode: _reloaded(
                "token-transformer-pretrained", settings={"model.head": {"decode": decode, "paths": 4}}
            )
            for decode in ("greedy", "sample")
        },
        "verb/predict polars": lambda: _polars("dlinear", waves()),
        "verb/predict before update": lambda: kind("dlinear").predict(FRAMES["grown_waves"](), batch_size=1),
        "verb/update patches": lambda: latentcast.update(
            kind("patch-transformer"), FRAMES["grown_waves"](), steps=2
        ).predict(FRAMES["grown_waves"](), level=60),
        "verb/transfer patches": lambda: _transferred("patch-transformer", FRAMES["other_waves"]()),
        "verb/transfer held out nothing": lambda: latentcast.transfer(
            kind("pattn-between"), FRAMES["other_waves"](), held_out=False
        ).predict(FRAMES["other_waves"]()),
    }


def _polars(name: str, frame: Any) -> Any:
    import polars

    return kind(name).predict(polars.from_pandas(frame), level=80).to_pandas()


def _calibrated(name: str, **options: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        kind(name).save(Path(folder) / "run")
        forecaster = latentcast.load(Path(folder) / "run")
    found = call(forecaster.calibrate, waves(), **options).to_dict()
    return {"evaluation": found, "forecast": forecaster.predict(waves(), level=50)}


def _evaluated(name: str, **options: Any) -> Any:
    return call(kind(name).evaluate, waves(), **options).to_dict()


def _explained(name: str, **options: Any) -> Any:
    return call(kind(name).explain, waves(), **options).to_dict()


def _reloaded(name: str, **options: Any) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        kind(name).save(Path(folder) / "run")
        return latentcast.load(Path(folder) / "run", **options).predict(waves())


def _transferred(name: str, data: Any) -> Any:
    forecaster = latentcast.transfer(kind(name), data)
    return {"test": call(forecaster.evaluate, data, split="test").to_dict(), "forecast": forecaster.predict(data)}


def _of_data() -> dict[str, Callable[[], Any]]:
    llm = {key: value for key, value in saved.LLM.items() if key != "name"}
    told = {"model.backbone": llm, "data.description": "load and price"}
    return {
        "verb/prompts": lambda: _prompts(told),
        "verb/describe model": lambda: _architecture(
            waves(), model="autoformer", preset="small", lookback=24, horizon=6
        ),
        "verb/floor": lambda: verb("floor")(
            waves(),
            "latent-transformer",
            lookback=24,
            ratios=[4],
            latent_dims=[4],
            max_steps=3,
            seed=1,
            settings={"model.representation.width": 16},
        ).frame(),
        "verb/floor of codes": lambda: verb("floor")(
            waves(), lookback=24, ratios=[2, 4], max_steps=2, start=kind("latent-transformer-pretrained")
        ).frame(),
    }


def _architecture(about: Any, **options: Any) -> Any:
    found = latentcast.describe(about, **options).architecture
    assert found is not None
    return found.to_dict()


def _prompts(settings: dict[str, Any]) -> Any:
    found = latentcast.prompts(waves(), lookback=24, horizon=6, settings=settings)
    return [
        found.static,
        list(found.own.values()),
        found.patches,
        found.led,
        [ord(c) for c in "".join(found.texts.values())],
    ]


def _of_many() -> dict[str, Callable[[], Any]]:
    return {
        "many/backtest": lambda: _backtest(windows=3, step=4, level=60).forecasts,
        "many/backtest leaderboard": lambda: _backtest(windows=2).leaderboard,
        "many/backtest refit": lambda: _backtest(windows=2, step=3, refit=True).forecasts,
        "many/benchmark": lambda: _with_file(_benchmark).frame().drop(columns="dataset"),
        "many/ablate": lambda: _with_file(_ablate).frame().drop(columns="dataset"),
        "many/m4 weekly seasonal-naive": lambda: _m4("seasonal-naive", "M4-weekly"),
        "many/m4 weekly dlinear": lambda: _m4("dlinear", "M4-weekly", settings={"training": TRAIN}, seed=1),
    }


def _backtest(**options: Any) -> Any:
    models = ["dlinear", "seasonal-naive", "patch-linear"]
    settings = {"training": TRAIN}
    return call(latentcast.backtest, waves(), models, lookback=24, horizon=6, seed=1, settings=settings, **options)


def _with_file(compute: Callable[[Path, Path], Any]) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "waves.csv"
        waves().to_csv(file, index=False)
        return compute(file, Path(folder) / "out")


def _benchmark(file: Path, out: Path) -> Any:
    config = {
        "datasets": [str(file)],
        "horizons": [4, 6],
        "seeds": [0, 1],
        "common": {"lookback": 24, "training": {"max_steps": 2}},
        "models": {"seasonal-naive": None, "linear": {"model": "dlinear", "lookback": 20}, "patch-linear": None},
    }
    return verb("leaderboard")(config, out=out, workers=0)


def _ablate(file: Path, out: Path) -> Any:
    llm = {key: value for key, value in saved.LLM.items() if key != "name"}
    settings = {"model.backbone": llm, "training.max_steps": 2, "data.description": "load and price"}
    return latentcast.ablate(file, lookback=24, horizon=6, seeds=(0, 1), settings=settings, out=out, workers=0)


def _m4(model: str, frequency: str, **options: Any) -> Any:
    """Needs the data of the competition; without them the entry says that it was not computed."""
    if not os.environ.get(DATA):
        raise NotImplementedError(f"{DATA} is not set")
    found = verb("m4")(model, frequency, **options)
    return {"scores": found.to_dict()["scores"], "forecasts": found.forecasts}
