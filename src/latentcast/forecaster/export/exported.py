"""A forecaster that was exported to ONNX: it forecasts without torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from latentcast.core.errors import CheckpointError, shorten
from latentcast.data.settings import DataSettings
from latentcast.data.types import Frame, IntoFrame, Level
from latentcast.forecaster.ahead import Asked, forecast_ahead
from latentcast.forecaster.declared import ExportedModel
from latentcast.forecaster.export.metadata import unpack
from latentcast.forecaster.export.session import SessionEngine, check_session, open_session, read_file
from latentcast.forecaster.export.signature import signature_of
from latentcast.forecaster.intervals import PATHS
from latentcast.forecaster.state import FittedState


@dataclass(frozen=True)
class ExportedRun:
    """The settings of the fit that forecasting reads."""

    name: str
    seed: int
    data: DataSettings


@dataclass
class ExportedForecaster(FittedState):
    """A forecaster read from an ONNX file by `latentcast.load`: it forecasts as the fitted one does, without torch.

    `card` is the run card of the fit; `network` says what the graph reads and gives.
    """

    run: ExportedRun
    network: ExportedModel

    def __repr__(self) -> str:
        about = f"{self.name}, {self.task.lookback} → {self.task.horizon} steps"
        how = "" if self.network.quantised is None else f", {self.network.quantised}"
        return f"<ExportedForecaster {about} of {self.card.schema.freq}, of {shorten(self.channels, 3)}{how}>"

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
        """Forecast `horizon` steps beyond the end of each series, as `Forecaster.predict` does.

        Parameters
        ----------
        data, future_covariates, level, quantiles, interval_method, paths, batch_size
            As for `Forecaster.predict`. A graph draws no paths.
        horizon
            Steps to forecast; None: those of the fit. Beyond them forecasts become the past of the next ones.

        Returns
        -------
        frame of the same library as `data`
            As of `Forecaster.predict`, in original units.

        Raises
        ------
        DataError, SettingsError
            As `Forecaster.predict`.
        """
        asked = Asked(horizon, level, quantiles, interval_method, paths, batch_size)
        return forecast_ahead(self, data, future_covariates, asked)


def load_exported(path: str | Path) -> ExportedForecaster:
    """Read an exported file.

    Raises CheckpointError when it is missing, damaged, no export of latentcast, or makes no sense.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"there is no file {path}; wanted one that latentcast export wrote (--out)")
    session = open_session(read_file(path), str(path))
    found = unpack(session.get_modelmeta().custom_metadata_map, str(path))
    known, task = found.known, found.task
    signature = signature_of(task, found.data, found.card.schema.season, known.scaler.effects, found.model)
    check_session(session, signature, str(path))
    run = ExportedRun(found.name, found.seed, found.data)
    made = ExportedForecaster(run, task, found.card.schema.channels, known, found.model, found.card, found.calibration)
    made.engine = SessionEngine(found.name, task.horizon, signature, session)
    return made
