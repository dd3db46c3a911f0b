"""The M4 competition: the organisers' published figures from their forecasts, and the rules on a small copy of it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import latentcast
from latentcast.cli import app
from latentcast.core.errors import DataError, SettingsError
from latentcast.data.sources import m4 as data
from latentcast.data.sources.m4 import FREQUENCIES, Frequency, chosen
from latentcast.evaluation.m4_metrics import Score, mase, owa, pooled, smape
from latentcast.forecaster.card import UpdateReport

PUBLISHED = {  # sMAPE and MASE that the organisers published
    "weekly": {"Naive": (9.161, 2.777), "sNaive": (9.161, 2.777), "SES": (9.012, 2.685), "Naive2": (9.161, 2.777)},
    "hourly": {
        "Naive": (43.003, 11.608), "sNaive": (13.912, 1.193), "SES": (18.094, 2.385), "Naive2": (18.383, 2.395),
    },
    "daily": {"Naive": (3.045, None), "sNaive": (3.045, None), "SES": (3.045, None), "Naive2": (3.045, None)},
}  # fmt: skip


@pytest.mark.parametrize("frequency", PUBLISHED)
def test_the_organisers_figures_come_from_their_forecasts(data_folder: Path, frequency: str) -> None:
    found = latentcast.evaluate_m4(None, f"M4-{frequency}")
    assert {one.method for one in found.scores} == set(PUBLISHED[frequency])
    for one in found.scores:
        percent, ratio = PUBLISHED[frequency][one.method]
        assert round(one.smape, 3) == percent
        assert (None if one.mase is None else round(one.mase, 3)) == ratio
    if frequency == "daily":
        assert any("no fit and no MASE" in note for note in found.notes)


def test_measures_by_hand() -> None:
    target, forecast = np.array([[2.0, 0.0], [1.0, 1.0]]), np.array([[6.0, 0.0], [1.0, 3.0]])
    np.testing.assert_allclose(smape(target, forecast), [50, 50])
    train = (np.array([1.0, 2, 4, 5]), np.array([3.0, 3, 3]))
    np.testing.assert_allclose(mase(target, forecast, train, 2), [2 / 3, np.nan])
    assert owa(10, 2, (20, 1)) == 1.25
    assert owa(10, None, (20, 1)) is None


def test_owa_is_that_of_pooled_means() -> None:
    bases = {"a": (10.0, 1.0), "b": (20.0, 4.0)}
    found = pooled([Score("x", "a", 1, 10.0, 2.0), Score("x", "b", 3, 10.0, 2.0)], bases)
    assert (found.series, found.smape, found.mase) == (4, 10, 2)
    assert found.owa == pytest.approx((10 / 17.5 + 2 / 3.25) / 2)


def test_names_of_frequencies() -> None:
    assert [one.name for one in chosen("M4")] == list(FREQUENCIES)
    assert [one.name for one in chosen("M4-hourly, weekly")] == ["hourly", "weekly"]
    with pytest.raises(SettingsError, match="did you mean M4-hourly"):
        chosen("M4-hourli")


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """Three series of different lengths under two names: hourly whole, weekly without its training part."""
    monkeypatch.setenv("LATENTCAST_DATA", str(tmp_path))
    tiny = {name: Frequency(name, 3, 4, 6, (10.0, 2.0)) for name in ("hourly", "weekly", "daily")}
    monkeypatch.setattr(data, "FREQUENCIES", tiny)
    rng = np.random.default_rng(0)
    rows = []
    for number, length in enumerate((40, 64, 51)):
        t = np.arange(length + 4)
        y = 20 + 5 * np.sin(2 * np.pi * t / 6) + rng.normal(0, 0.1, len(t))
        rows.append(pd.DataFrame({"unique_id": f"H{number}", "ds": t + 1, "y": y, "n": length}))
    whole = pd.concat(rows, ignore_index=True)
    late = whole[whole.ds > whole.n].assign(ds=lambda frame: frame.ds - frame.n)
    (tmp_path / "m4").mkdir()
    whole[whole.ds <= whole.n].drop(columns="n").to_csv(tmp_path / "m4" / "m4_hourly_train.csv", index=False)
    for name in ("hourly", "weekly"):
        late.drop(columns=["n"]).to_csv(tmp_path / "m4" / f"m4_{name}_test.csv", index=False)
    flat = late.assign(Naive=20.0, sNaive=late.y, SES=20.0)[["unique_id", "ds", "Naive", "sNaive", "SES"]]
    flat.iloc[::-1].to_csv(tmp_path / "m4" / "m4_reference_forecasts.csv", index=False)
    return late


def test_a_model_is_fitted_by_the_rules_and_what_is_not_there_is_said(small: pd.DataFrame) -> None:
    result = latentcast.evaluate_m4("seasonal-naive", "M4")
    mine = {one.method: one for one in result.of("hourly")}
    assert set(mine) == {"Naive", "sNaive", "SES", "seasonal-naive"}
    assert mine["sNaive"].smape == 0
    assert mine["seasonal-naive"].smape < 3
    assert mine["seasonal-naive"].owa == pytest.approx(
        (mine["seasonal-naive"].smape / 10 + mine["seasonal-naive"].mase / 2) / 2
    )
    actual = small.y.to_numpy().reshape(3, 4)
    np.testing.assert_allclose(result.forecasts["hourly"], actual, atol=0.6)
    assert [one.mase for one in result.of("weekly")] == [None] * 3
    said = "\n".join(result.notes)
    assert "M4-hourly: OWA by the published figures of Naive2" in said
    assert "M4-weekly: no fit and no MASE" in said
    assert "M4-daily: not judged" in said


def test_classical_models_read_all_of_a_series(small: pd.DataFrame) -> None:
    """A season of 6 in a look-back of 8 steps cannot be seen; in the whole history it is."""
    result = latentcast.evaluate_m4("auto-ets", "hourly", settings={"model.quantiles": None, "model.processes": 1})
    np.testing.assert_allclose(result.forecasts["hourly"], small.y.to_numpy().reshape(3, 4), atol=0.6)


def test_a_hybrid_is_made_of_what_its_members_are_alone(small: pd.DataFrame) -> None:
    own = {"model": {"quantiles": None, "processes": 1}}
    alone = {
        name: latentcast.evaluate_m4(name, "hourly", settings=stated).forecasts["hourly"]
        for name, stated in (("auto-ets", own), ("seasonal-naive", {}))
    }
    fit_to_all = {"auto-ets": own, "other": {"model": {"name": "auto-ets", "form": "ANN", **own["model"]}}}
    level = latentcast.evaluate_m4("auto-ets", "hourly", settings={**own, "model.form": "ANN"}).forecasts["hourly"]
    both = latentcast.evaluate_m4("hybrid", "hourly", settings={"model.members": fit_to_all, "model.fusion": "average"})
    np.testing.assert_allclose(both.forecasts["hourly"], (alone["auto-ets"] + level) / 2)
    weighted = latentcast.evaluate_m4("hybrid", "hourly", settings={"model.members": fit_to_all}).forecasts["hourly"]
    actual = small.y.to_numpy().reshape(3, 4)
    assert np.abs(weighted - actual).mean() < 0.5 * np.abs(both.forecasts["hourly"] - actual).mean()
    # the longest of them is read from its ninth step on: before the two horizons that are held out
    mixed = {"auto-ets": own, "seasonal-naive": {}}
    settings = {"model.members": mixed, "model.fusion": "average", "data.scale": False}
    found = latentcast.evaluate_m4("hybrid", "hourly", settings=settings).forecasts["hourly"]
    mean = (alone["auto-ets"] + alone["seasonal-naive"]) / 2
    np.testing.assert_allclose(found[[0, 2]], mean[[0, 2]], rtol=1e-3)  # read in single precision
    np.testing.assert_allclose(found[1], mean[1], atol=0.2)


def test_a_hybrid_of_whole_histories_learns_on_all_horizons_that_are_held_out(
    small: pd.DataFrame, tmp_path: Path
) -> None:
    """The last horizon is made one that the level forecasts best; in the three before it is the season."""
    path = tmp_path / "m4" / "m4_hourly_train.csv"
    table = pd.read_csv(path)
    last = table.groupby("unique_id").ds.transform("max") - table.ds < 4
    table.assign(y=table.y.where(~last, 20.0)).to_csv(path, index=False)
    forms = {"season": "ANA", "level": "ANN"}
    members = {
        label: {"model": {"name": "auto-ets", "form": form, "quantiles": None, "processes": 1}}
        for label, form in forms.items()
    }
    settings = {"model.members": members, "model.fusion": "weighted"}
    errors = []
    for held in (4, 16):
        found = latentcast.evaluate_m4("hybrid", "hourly", settings={**settings, "data.split": [0, held, 4]})
        errors.append(np.abs(found.forecasts["hourly"] - small.y.to_numpy().reshape(3, 4)).mean())
    assert errors[1] < errors[0]


@pytest.mark.parametrize(
    "split", [[0.7, 0.1, 0.2], [0, 4, 8], [0, 3, 4], [30, 4, 4], ["2020-01-01", "2020-02-01"], "standard"]
)
def test_the_test_part_of_the_competition_is_its_own(small: pd.DataFrame, split: object) -> None:
    with pytest.raises(SettingsError, match=r"by the rules of M4 the last 4 steps .* state counts, 0,4,4"):
        latentcast.evaluate_m4("naive", "hourly", settings={"data.split": split})


def test_the_test_part_is_never_learned_from(small: pd.DataFrame, tmp_path: Path) -> None:
    settings = {"training.max_steps": 3, "data.scale": False, "model.normalise": True, "model.loss": "smape"}
    fused = {"model.members": ["naive", "seasonal-naive"]}
    before = latentcast.evaluate_m4("dlinear", "hourly", seed=1, settings=settings).forecasts["hourly"]
    hybrid = latentcast.evaluate_m4("hybrid", "hourly", settings=fused).forecasts["hourly"]
    path = tmp_path / "m4" / "m4_hourly_test.csv"
    table = pd.read_csv(path)
    table.assign(y=table.y * 100).to_csv(path, index=False)
    after = latentcast.evaluate_m4("dlinear", "hourly", seed=1, settings=settings).forecasts["hourly"]
    np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(
        hybrid, latentcast.evaluate_m4("hybrid", "hourly", settings=fused).forecasts["hourly"]
    )


def test_a_forecaster_is_judged_on_what_it_was_fitted_to(hourly: pd.DataFrame) -> None:
    other = latentcast.fit(hourly, "naive", lookback=8, horizon=4)
    with pytest.raises(SettingsError, match=r"was fitted to .* at horizon 4; by the rules of M4"):
        latentcast.evaluate_m4(other, "M4-hourly")
    with pytest.raises(SettingsError, match="lookback: is the competition's"):
        latentcast.evaluate_m4("naive", "M4-hourly", settings={"lookback": 3})


def test_a_forecaster_that_saw_the_test_part_is_refused(small: pd.DataFrame) -> None:
    def fit(split: list[float]) -> latentcast.Forecaster:
        frame = data.load(data.FREQUENCIES["hourly"]).frame(whole=True)
        made = latentcast.fit(frame, "naive", lookback=8, horizon=4, settings={"data.split": split})
        made.card = replace(
            made.card, schema=replace(made.card.schema, data="M4-hourly")
        )  # as a fit to the whole competition says
        return made

    fitted, seen = fit([0, 4, 4]), fit([1.0, 0.0, 0.0])
    found = latentcast.evaluate_m4(fitted, "M4-hourly")
    assert {score.method for score in found.scores} > {"naive"}
    assert len(repr(found).splitlines()) == 1 + len(found.scores)
    with pytest.raises(SettingsError, match="by the rules of M4 the last 4 steps of hourly series are the test part"):
        latentcast.evaluate_m4(seen, "M4-hourly")
    updated = UpdateReport(1, 1e-3, "", None, None, "")
    fitted.card = replace(fitted.card, update=updated)
    with pytest.raises(SettingsError, match="updated"):
        latentcast.evaluate_m4(fitted, "M4-hourly")


def test_what_is_not_fitted_takes_no_settings(small: pd.DataFrame) -> None:
    with pytest.raises(SettingsError, match="the organisers' methods are what was made before"):
        latentcast.evaluate_m4(None, "M4-hourly", settings={"training.lr": 1.0})


def test_nothing_there_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m4").mkdir()
    monkeypatch.setenv("LATENTCAST_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"(?s)nothing of the M4.*M4-hourly: not judged: .*no m4_hourly_test"):
        latentcast.evaluate_m4("naive", "M4-hourly")


def test_the_command(small: pd.DataFrame, tmp_path: Path) -> None:
    file = tmp_path / "m4.json"
    command = ["evaluate", "seasonal-naive", "M4-hourly", "--protocol", "m4", "--json", str(file)]
    ran = CliRunner().invoke(app, command)
    assert ran.exit_code == 0, ran.output
    assert "seasonal-naive" in ran.output
    assert {score["method"] for score in json.loads(file.read_text())["scores"]} > {"seasonal-naive", "SES"}
    for option in (["--transfer"], ["--batch-size", "3"], ["--interval-method", "paths"], ["--paths", "7"]):
        wrong = CliRunner().invoke(app, [*command[:3], "--protocol", "m4", *option])
        assert isinstance(wrong.exception, SettingsError)
        assert option[0] in str(wrong.exception)
    nowhere = CliRunner().invoke(app, ["evaluate", str(tmp_path / "nope"), *command[2:5]])
    assert isinstance(nowhere.exception, SettingsError)
    assert "no such folder" in str(nowhere.exception)
