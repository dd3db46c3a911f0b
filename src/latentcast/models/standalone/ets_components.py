"""Components of exponential smoothing of a look-back: level, slope, season and residuals at each step."""

import warnings
from dataclasses import dataclass

import numpy as np

from latentcast.core.findings import Finding, WindowLabels
from latentcast.models.standalone.classical_workers import SHORTEST, Array, Spec


@dataclass(frozen=True)
class Components:
    """Of one history, each [time], in standard deviations of training; None where the form has no slope or season.

    form   as ETS(A,Ad,M): error, trend, season; A additive, M multiplicative, N none, d damped
    """

    form: str
    history: Array
    level: Array
    slope: Array | None
    season: Array | None
    residuals: Array

    @property
    def error_multiplies(self) -> bool:
        """Residuals are relative ones."""
        return self.form.startswith("ETS(M")

    @property
    def season_multiplies(self) -> bool:
        """The season is a factor."""
        return self.form.rstrip(")").endswith("M")


def components(spec: Spec, history: Array) -> Components | None:
    """Of the form that is chosen for the history; None for one that is constant or too short."""
    if len(history) < SHORTEST or (history == history[-1]).all():
        return None
    from statsforecast import models

    season = spec.season if len(history) >= 2 * spec.season else 1
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found = models.AutoETS(season_length=season, **dict(spec.options)).fit(history).model_
    states, letters = np.asarray(found["states"], np.float64)[1:], found["components"]
    rises, cycles = letters[1] != "N", letters[2] != "N"
    return Components(
        str(found["method"]),
        history,
        states[:, 0],
        states[:, 1] if rises else None,
        states[:, 1 + rises] if cycles else None,
        np.asarray(found["residuals"], np.float64),
    )


def of_history(spec: Spec, name: str, history: Array, shown: WindowLabels) -> tuple[Finding, ...]:
    """The look-back and its components as lines; its beginning is empty where nothing was observed there."""
    found = components(spec, history)
    if found is None:
        return ()
    given = {"look-back": history, "level": found.level, "slope": found.slope, "season": found.season}
    lines = {name: line for name, line in {**given, "residual": found.residuals}.items() if line is not None}
    missing = len(shown.past) - len(history)
    values = np.stack([np.r_[np.full(missing, np.nan), line] for line in lines.values()])
    multiplied = "; a multiplicative season is a factor" if found.season_multiplies else ""
    return (
        Finding(
            "Exponential smoothing",
            f"{name}: level, slope, season and residuals of {found.form}",
            f"{found.form} was chosen for this look-back. Lines are in standard deviations of the training part"
            f"{multiplied}. The standard deviation of the residuals is {found.residuals.std():.3g}.",
            "lines",
            tuple(lines),
            shown.past,
            values,
            facts={"form": found.form, **lines},
        ),
    )
