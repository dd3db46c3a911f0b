"""What became of the candidates of a choice, and the chosen forecaster."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from latentcast.benchmarking.candidates import Candidate
from latentcast.benchmarking.few_origins import FEW
from latentcast.core.errors import DataError
from latentcast.forecaster.forecaster import Forecaster


@dataclass(frozen=True)
class Trial:
    """What became of one candidate.

    Attributes
    ----------
    candidate
        The model, its look-back and settings.
    error
        Mean absolute error over that of seasonal-naive in the training part (MASE) at the origins; None if it failed.
        In original units (MAE) where the training part repeats its season exactly, so that there is no MASE.
    weight
        Its share of the forecasts; 0 if it is not used.
    seconds
        Time of its fit and of its forecasts at the origins.
    why
        Why it failed, was not tried, or was trained only in part.
    measure
        Which of both `error` is: MASE or MAE.
    """

    candidate: Candidate
    error: float | None = None
    weight: float = 0.0
    seconds: float = 0.0
    why: str | None = None
    measure: str = "MASE"


@dataclass(frozen=True)
class AutoFit:
    """The chosen forecaster and all candidates.

    Attributes
    ----------
    forecaster
        The best candidate, or a hybrid of several with fixed weights; calibrated on the validation part.
    trials
        Every candidate.
    error
        Validation MASE of the forecaster (MAE where there is no MASE: `Trial.error`).
    baseline
        Name and validation error of the naive candidate.
    origins
        Forecasts that each candidate was judged by.

    Examples
    --------
    >>> auto = latentcast.fit_auto(frame, horizon=24, time_limit=1)
    >>> auto.forecaster.task.horizon
    24
    """

    forecaster: Forecaster
    trials: tuple[Trial, ...]
    error: float
    baseline: tuple[str, float]
    origins: int

    @property
    def measure(self) -> str:
        """What errors are: MASE, or MAE where the training part repeats its season exactly.

        Examples
        --------
        >>> auto = latentcast.fit_auto(frame, horizon=24, time_limit=0)
        >>> auto.measure in ("MASE", "MAE")
        True
        """
        return next((trial.measure for trial in self.trials if trial.error is not None), "MASE")

    def table(self) -> pd.DataFrame:
        """Return one row for each candidate, the best first.

        Returns
        -------
        pandas.DataFrame
            Model, look-back, validation error, weight in the ensemble, seconds, and what became of it.

        Examples
        --------
        >>> auto = latentcast.fit_auto(frame, horizon=24, time_limit=1)
        >>> "model" in auto.table()
        True
        """
        error = f"validation {self.measure}"
        rows = [
            {
                "model": trial.candidate.title,
                "look-back": trial.candidate.lookback,
                error: trial.error,
                "weight": trial.weight,
                "seconds": round(trial.seconds, 1),
                "note": trial.why or "",
            }
            for trial in self.trials
        ]
        return pd.DataFrame(rows).sort_values(error, kind="stable", ignore_index=True)

    def summary(self) -> str:
        """Return one sentence: the choice, and its error relative to the naive forecast at the validation origins.

        Returns
        -------
        str
            Models and weights, with the figure.

        Examples
        --------
        >>> auto = latentcast.fit_auto(frame, horizon=24, time_limit=1)
        >>> isinstance(auto.summary(), str)
        True
        """
        used = [trial for trial in self.trials if trial.weight > 0]
        chosen = " + ".join(f"{trial.weight:.2f} {trial.candidate.title}" for trial in used)
        chosen = used[0].candidate.title if len(used) == 1 else chosen
        if not self.origins:
            return f"chosen: {chosen}, {used[0].why}"
        (name, naive), measure = self.baseline, self.measure
        origins = f"{self.origins} validation origin{'' if self.origins == 1 else 's'}"
        few = ", too few to compare models" if self.origins < FEW else ""
        if used[0].candidate.name == name and len(used) == 1:
            best = "the pretrained model is not better" if few else "no other candidate is better"
            return f"chosen: {name}; {best} at {origins} ({measure} {naive:.3f}){few}"
        saved = f"{1 - self.error / naive:.0%}" if 0 < naive < np.inf else ""
        gain = f", {saved} below {name} ({naive:.3f})" if saved else ""
        gain = f", as {name}" if saved == "0%" else gain
        return f"chosen: {chosen}; {measure} {self.error:.3f} at {origins}{gain}{few}"

    def plot(self, path: str | Path) -> Path:
        """Draw the validation error of every candidate that was judged.

        Parameters
        ----------
        path
            File to write; its ending says which: PNG, PDF or SVG.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        SettingsError
            Another ending.
        CheckpointError
            The file cannot be written.

        Examples
        --------
        >>> auto = latentcast.fit_auto(frame, horizon=24, time_limit=1)
        >>> auto.plot(folder / "auto.png").name
        'auto.png'
        """
        from latentcast.reporting.charts import draw_bars

        judged = [trial for trial in self.trials if trial.error is not None]
        if not judged:
            raise DataError(f"no candidate was judged, so that there is nothing to draw ({self.summary()})")
        names = [f"{trial.candidate.title} ({trial.weight:.2f})" for trial in judged]
        draw_bars(
            Path(path), self.summary(), names, {f"validation {self.measure}": [trial.error or 0.0 for trial in judged]}
        )
        return Path(path)

    def _repr_html_(self) -> str:
        return self.table().to_html(index=False, float_format="{:.3f}".format)


def line_of(trial: Trial) -> str:
    what = f"{trial.candidate.title} (look-back {trial.candidate.lookback})"
    if trial.error is None:
        return f"{what}: {trial.why}"
    share = f", weight {trial.weight:.2f}" if trial.weight else ""
    part = f"; {trial.why}" if trial.why else ""
    return f"{what}: validation {trial.measure} {trial.error:.3f}, {trial.seconds:.1f} s{share}{part}"
