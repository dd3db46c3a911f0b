"""A fitted forecaster: predict, evaluate, calibrate, explain and save."""

from collections.abc import Sequence
from typing import Any, Literal

from latentcast.core.errors import Fault, SettingsError, shorten, suggest
from latentcast.data.panel.split import PARTS, Part
from latentcast.data.types import Frame, IntoFrame, Level
from latentcast.evaluation.drop_last import batch_of
from latentcast.evaluation.metrics import Evaluation
from latentcast.explain import Explanation
from latentcast.forecaster.ahead import Asked, forecast_ahead, sampled_ahead
from latentcast.forecaster.card_html import card_html
from latentcast.forecaster.distribution import evaluated
from latentcast.forecaster.drift import Drift
from latentcast.forecaster.explaining import explain_ahead
from latentcast.forecaster.inputs import drift_of, open_prepared
from latentcast.forecaster.intervals import PATHS
from latentcast.forecaster.judge import calibrate_on, choose_intervals
from latentcast.forecaster.judged_sums import Judged
from latentcast.forecaster.network_engine import NetworkEngine
from latentcast.forecaster.save import whole_card
from latentcast.forecaster.written import WrittenModel
from latentcast.models.inspection import inspect


class Forecaster(WrittenModel):
    """A fitted model: it forecasts, judges and explains itself, and can be saved.

    `latentcast.fit` and `latentcast.load` make it; all verbs that take a forecaster also take the folder of a saved
    one. `card` is the run card: settings, data, versions, training and validation figures, notes; the other attributes
    are those of `FittedModel`.

    Examples
    --------
    >>> forecaster = latentcast.fit(frame, "seasonal-naive", lookback=48, horizon=2)
    >>> forecaster
    <Forecaster seasonal-naive, 48 → 2 steps of h, of load in frame>
    >>> forecaster.card.schema.season
    24
    """

    def __post_init__(self) -> None:
        self.engine = NetworkEngine(self)

    def __repr__(self) -> str:
        about = f"{self.name}, {self.task.lookback} → {self.task.horizon} steps"
        schema = self.card.schema
        return f"<Forecaster {about} of {schema.freq}, of {shorten(self.channels, 3)} in {schema.data}>"

    def _repr_html_(self) -> str:
        return card_html(self)

    def predict(
        self,
        data: IntoFrame,
        *,
        horizon: int | None = None,
        future_covariates: IntoFrame | None = None,
        level: Level = None,
        quantiles: Sequence[float] | float | None = None,
        interval_method: str = "auto",
        paths: int = PATHS,
        batch_size: int | None = None,
    ) -> Frame:
        """Forecast `horizon` steps beyond the end of each series.

        Parameters
        ----------
        data
            Wide or long frame (pandas, polars, Arrow), path of a table, or a dataset name, with the columns and the
            frequency of the fit. Only the last `lookback` steps of each series are read; `adaptive` intervals also
            read those before. Of a shorter series the missing steps are masked. A series without any observed value
            in the look-back is forecast from its last observed value.
        horizon
            Steps to forecast; None: those of the fit. Beyond them, forecasts become the past of the next ones where
            the weights belong to the trained horizon; a note says so, and there are no intervals then.
        future_covariates
            Covariates declared as `data.future`: the time column, the ids of long data, and one row per series and
            forecast step. Required by models fitted with such covariates, refused by all others.
        level
            Nominal coverage of prediction intervals in per cent, as `80` or `[80, 90]`. None returns points only.
        quantiles
            Quantile levels between 0 and 1, as `[0.1, 0.5, 0.9]`: ends of intervals, and the point forecast for 0.5.
        interval_method
            `conformal` (the base widened by scores of held-out windows), `adaptive` (the same, following recent
            outcomes), `quantiles` (of a quantile head, not calibrated), `paths` (quantiles of sampled futures, not
            calibrated), or `auto`: the first of conformal, quantiles and paths that the model has.
        paths
            Futures drawn from each window, for models that sample.
        batch_size
            Windows forecast together; the result does not depend on it. None chooses by memory.

        Returns
        -------
        frame of the same library as `data`
            `unique_id`, `ds`, `<model>`, for each level `<model>-lo-<level>` and `<model>-hi-<level>`, and for each
            quantile `<model>-q-<quantile>`; one row per series and step, in original units. pandas for files and
            dataset names.

        Raises
        ------
        DataError
            Columns, frequency or clock differ from those of the fit; a covariate is missing for a step; or there were
            too few held-out windows for `level`.
        SettingsError
            A level or method that this model does not have, or a model that was only pretrained.

        Examples
        --------
        >>> forecaster = latentcast.fit(frame, "seasonal-naive", lookback=48, horizon=2)
        >>> forecaster.predict(frame, level=80).columns.tolist()
        ['unique_id', 'ds', 'seasonal-naive', 'seasonal-naive-lo-80', 'seasonal-naive-hi-80']
        >>> forecaster.predict(frame)["seasonal-naive"].round(3).tolist()
        [16.0, 17.0]
        """
        asked = Asked(horizon, level, quantiles, interval_method, paths, batch_size)
        return forecast_ahead(self, data, future_covariates, asked)

    def sample(
        self,
        data: IntoFrame,
        *,
        paths: int = PATHS,
        future_covariates: IntoFrame | None = None,
        batch_size: int | None = None,
    ) -> Frame:
        """Draw possible futures beyond the end of each series, from a model that samples (`token-transformer`).

        Parameters
        ----------
        data, future_covariates, batch_size
            As for `predict`.
        paths
            Futures of each series. Equal seeds and data give equal paths.

        Returns
        -------
        frame of the same library as `data`
            `unique_id`, `ds`, `path` (from 0) and `<model>`; one row per series, path and step, in original units.

        Raises
        ------
        SettingsError
            The model draws no paths.
        DataError
            As for `predict`.

        Examples
        --------
        >>> quick = {f"{at}.max_steps": 2 for at in ("stages.codec", "stages.next-code", "training")}
        >>> forecaster = latentcast.fit(
        ...     frame, "token-transformer", preset="small", lookback=24, horizon=2, settings=quick
        ... )
        >>> forecaster.sample(frame, paths=3).shape
        (6, 4)
        """
        return sampled_ahead(self, data, future_covariates, paths, batch_size)

    def explain(
        self,
        data: IntoFrame,
        *,
        future_covariates: IntoFrame | None = None,
        level: Level | Literal["auto"] = "auto",
        interval_method: str = "auto",
        item: str | None = None,
        attribution: str = "occlusion",
        stretch: int | None = None,
        fill: str = "line",
    ) -> Explanation:
        """Explain the forecast beyond the end of one series.

        The explanation holds the forecast, statistics of the data, findings of the parts of the network about this
        window, and the stretches of the past that the forecast depends on.

        Parameters
        ----------
        data, future_covariates
            As for `predict`.
        level
            Levels of the intervals in per cent. `auto`: 80 and 90, and a note where these are not available. None: no
            intervals.
        interval_method
            As for `predict`.
        item
            Which series: a channel of wide data, a `unique_id` of long data. None: the first item, with up to eight
            channels.
        attribution
            `occlusion` (any model: a stretch is hidden and the change measured), `gradient`, or `none`.
        stretch
            Steps that are hidden together. None: chosen from look-back and season.
        fill
            What replaces hidden values: `line` (between the neighbours), `season`, or `mean`.

        Returns
        -------
        Explanation
            `to_html()` gives a page without external resources, `to_dict()` plain values for JSON.

        Raises
        ------
        DataError
            There is no such series, or nothing of its look-back was observed; else as `predict`.
        SettingsError
            As `predict`; also for an unknown attribution or fill.

        Examples
        --------
        >>> forecaster = latentcast.fit(frame, "seasonal-naive", lookback=48, horizon=2)
        >>> found = forecaster.explain(frame, stretch=12)
        >>> found.forecast["load"]["values"].round(3).tolist()
        [16.0, 17.0]
        """
        intervals, how = (level, interval_method), (attribution, fill, stretch)
        return explain_ahead(self, data, future_covariates, intervals, item, how)

    def drift(self, data: IntoFrame) -> Drift:
        """Compare the last look-back of each series with its training part.

        `predict` logs a note where a series is far off.

        Parameters
        ----------
        data
            As for `predict`.

        Returns
        -------
        Drift
            Shift of the mean, change of the standard deviation and share of missing values, [items, channels].

        Raises
        ------
        DataError
            The data are not of the fit's kind.

        Examples
        --------
        >>> forecaster = latentcast.fit(frame, "naive", lookback=48, horizon=2)
        >>> bool(forecaster.drift(frame).far.any())
        False
        >>> bool(forecaster.drift(frame.assign(load=frame["load"] + 100)).far.any())
        True
        """
        _, prepared = open_prepared(self, data, future_only=True)
        return drift_of(self, prepared.panel, prepared)

    def evaluate(
        self,
        data: IntoFrame,
        *,
        part: Part = "test",
        level: Level = None,
        interval_method: str = "auto",
        paths: int = PATHS,
        batch_size: int | None = None,
        stride: int = 1,
        protocol: str | None = None,
        forecasts: bool = False,
    ) -> Evaluation:
        """Judge every window of one part of the data exactly once.

        The result does not depend on the batch size: errors are sums over all forecast values. Values that were not
        observed do not count.

        Parameters
        ----------
        data
            As for `predict`; usually the data of the fit, or the same with newer rows.
        part
            `train`, `val`, `test` or `all`. Parts end at the dates of the fit; series that were not in it are split
            by the same rule.
        level, interval_method, paths
            As for `predict`; with a level the intervals are judged too.
        batch_size
            Windows forecast together. None chooses by memory.
        stride
            Judge one window of so many, the last of each series among them: for models whose every forecast is a fit.
            1 judges all; anything else is a sample, and a note says so.
        protocol
            `paper-droplast:B` also gives the figures of a test loader that drops its last incomplete batch of B
            windows.
        forecasts
            Keep the forecasts of all windows in `Evaluation.forecasts`: `unique_id`, `ds`, `cutoff` (the last step
            before the forecast), `y`, the model's column and its intervals.

        Returns
        -------
        Evaluation
            MSE, MAE, RMSE, MAPE, MSPE, sMAPE and MASE in standardised and in original units, those of seasonal-naive
            for the same windows, WQL and CRPS; notes on what was left out.

        Raises
        ------
        DataError
            The part holds no window, or the data are not of the fit's kind.
        SettingsError
            An unknown part, protocol or stride, or a level or method that this model does not have.

        Examples
        --------
        >>> forecaster = latentcast.fit(frame, "seasonal-naive", lookback=48, horizon=2)
        >>> found = forecaster.evaluate(frame, part="test")
        >>> found.windows, round(found.original["MAE"], 3)
        (79, 0.0)
        """
        if part not in PARTS:
            raise SettingsError(Fault("part", f"={part!r} is no part of the data; {suggest(str(part), PARTS)}"))
        how = choose_intervals(self, level, interval_method, paths)
        drop = batch_of(protocol)
        if drop is not None and stride != 1:
            raise SettingsError(
                Fault("stride", f"={stride}: a test loader drops from all windows; leave it out with {protocol}")
            )
        source, prepared = open_prepared(self, data)
        return evaluated(self, source, prepared, Judged(part, source.name, stride, drop), how, batch_size, forecasts)

    def calibrate(
        self,
        data: IntoFrame,
        *,
        part: Part = "val",
        base: str = "auto",
        paths: int = PATHS,
        batch_size: int | None = None,
        stride: int = 1,
    ) -> Evaluation:
        """Take the scores that intervals are made from from held-out windows of these data.

        `fit` does it with the validation part. The test part is nearer to what will be forecast; use it when nothing
        is to be judged by it any more. `save` keeps the calibration.

        Parameters
        ----------
        data
            As for `predict`.
        part
            `val` or `test`.
        base
            What is widened: `point`, `quantiles` (of a quantile head), `paths` (of a model that samples), or `auto`:
            quantiles where there are any, else point.
        paths
            Futures drawn from each window with `base="paths"`.
        batch_size
            Windows forecast together. None chooses by memory.
        stride
            Score one window of so many.

        Returns
        -------
        Evaluation
            Of the same part.

        Raises
        ------
        SettingsError
            The part was trained on, or the model has no such base.
        DataError
            The part holds no window.

        Examples
        --------
        >>> forecaster = latentcast.fit(frame, "seasonal-naive", lookback=48, horizon=2)
        >>> forecaster.calibrate(frame, part="test").windows
        79
        >>> forecaster.calibration.part
        'test'
        """
        source, prepared = open_prepared(self, data)
        judged = Judged(part, source.name, stride)
        return calibrate_on(self, prepared, judged, base=base, paths=paths, batch_size=batch_size)

    def summary(self) -> dict[str, Any]:
        """The run card, the number of parameters and the architecture as plain values.

        Returns
        -------
        dict
            What `card.json` holds, and `architecture`: shape, parameters and FLOPs of every stage.

        Examples
        --------
        >>> forecaster = latentcast.fit(frame, "seasonal-naive", lookback=48, horizon=2)
        >>> forecaster.summary()["parameters"]
        {'all': 0, 'trainable': 0}
        """
        return {**whole_card(self), "architecture": inspect(self.network).to_dict()}
