"""A solved linear map, and a readout of random features on what it leaves: nonlinear, and no step of gradient training.

The linear map is that of the model `ridge`, and is kept. Its residual is regressed on the look-back, less its level,
and on random features of it. Penalties are judged on the validation part, where "no features at all" is one of the
candidates: the readout is the mean of all candidates, whose weights fall with their error. As parts that are trained on
a solved map, features are used only where they pay on the validation part.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Float
from pydantic import Field, field_validator
from torch import Tensor, nn

from latentcast.core.capabilities import Capabilities
from latentcast.core.errors import UNCOUNTED, DataError, Fault, SettingsError
from latentcast.core.findings import Finding, WindowLabels
from latentcast.core.settings import Settings
from latentcast.core.types import Batch, Prediction, Steps, Task
from latentcast.data.windows.mixture import Mix
from latentcast.data.windows.windows import Windows
from latentcast.layers.losses import PointLoss
from latentcast.layers.random_features import Activation, FeaturesAcross, RandomFeatures, waves
from latentcast.models.ridge.choose import RidgeSettings
from latentcast.models.ridge.linear import LinearMaps
from latentcast.models.ridge.readout import ColumnSums, Pairs, Readout, near_best, spaced, windows_of

ROWS = 2048  # windows of one channel that are turned into columns at a time
Seen = list[tuple[Tensor | None, Tensor | None]]  # features across channels, and the clock, of each batch
Family = dict[str, tuple[list[float], Tensor, Tensor]]  # name → errors of the maps, chosen weights, readouts


class RandomFeaturesSettings(Settings):
    """solved     settings of the model `ridge`, for the linear map

    features   random features of a window; more of them fit finer functions and need more windows
    reads      last steps of the look-back that the features and the readout see; none: all of it. The linear map reads
               the whole look-back in any case
    across     further features that see several channels at once, the same for the forecasts of all of them; 0: none
    across_reads  last steps of the look-back that these see, at most all of it
    shortest   least steps of the stretch that a feature sees
    harmonics  the features also see the place in the season at which the look-back ends, as so many of its harmonics;
               0: they do not. Steps must be countable (equally long ones, months, …)
    activation tanh, which is bounded, or relu, which continues peaks in proportion
    level      share of the look-back, its last steps, whose mean is subtracted
    readouts   shared: one readout for all channels; own: one for each; auto: by validation, own up to 64 channels
    alphas     penalties of the readout, in units of the mean square of a column over all windows
    smoothing  relative error at which the weight of a candidate falls to 1/e; 0: the best candidate alone
    windows    most windows of each channel that the readout learns from, evenly spaced
    """

    solved: RidgeSettings = RidgeSettings()
    features: Annotated[int, Field(ge=1)] = 1000
    reads: Annotated[int, Field(ge=1)] | None = None
    across: Annotated[int, Field(ge=0)] = 0
    across_reads: Annotated[int, Field(ge=1)] = 48
    shortest: Annotated[int, Field(ge=1)] = 8
    harmonics: Annotated[int, Field(ge=0)] = 0
    activation: Activation = "tanh"
    level: Annotated[float, Field(gt=0, le=1)] = 0.02
    readouts: Literal["auto", "shared", "own"] = "auto"
    alphas: tuple[Annotated[float, Field(gt=0)], ...] = (0.03, 0.1, 0.3, 1.0, 3.0)
    smoothing: Annotated[float, Field(ge=0)] = 0.005
    windows: Annotated[int, Field(ge=1)] = 12_000

    @field_validator("alphas")
    @classmethod
    def _ascending(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if not values or list(values) != sorted(set(values)):
            raise ValueError("wanted at least one value, ascending, none of them twice")
        return values


class RandomFeatureRidge(nn.Module):
    """Raises SettingsError when features or a candidate of the linear map read more steps than the look-back has, and
    for harmonics of data without a season.
    """

    Settings = RandomFeaturesSettings
    capabilities = Capabilities(training=("solved",))
    parts_from = "random-features"
    uses_parts: Tensor

    def __init__(self, settings: RandomFeaturesSettings, task: Task) -> None:
        super().__init__()
        self.settings, self.task = settings, task
        self.grid = settings.solved.grid(task.lookback, task.season)
        self.reads = settings.reads or task.lookback
        if self.reads > task.lookback:
            fix = f"wanted at most the look-back {task.lookback}: lengthen lookback, or leave it out"
            raise SettingsError(Fault("reads", f"={self.reads}: {fix}"))
        self.last = max(1, round(settings.level * task.lookback))
        self.solved_maps = LinearMaps(task.lookback, task.horizon, task.channels)
        if settings.harmonics:
            self.capabilities = Capabilities(training=("solved",), uses_phase=True)
            if task.season < 2:
                fix = "wanted 0, as the data have no season: set data.season, or leave it out"
                raise SettingsError(Fault("harmonics", f"={settings.harmonics}: {fix}"))
        form = (settings.shortest, settings.activation, 2 * settings.harmonics)
        self.features = RandomFeatures(self.reads, settings.features, *form)
        self.across = None
        if settings.across and task.channels > 1:
            steps = min(settings.across_reads, task.lookback)
            self.across = FeaturesAcross(task.channels, steps, settings.across, *form)
        self.register_buffer("uses_parts", torch.ones(()))
        more = 0 if self.across is None else settings.across
        self.readout = Readout(self.reads + settings.features + more, task.horizon, task.channels)
        self.point_loss = PointLoss("mse", task)

    def forward(self, batch: Batch) -> Prediction:
        clock = self._clock(batch)
        more = self.readout(self._columns(batch.past.transpose(1, 2), self._across(batch.past, clock), clock))
        return Prediction(self.solved_maps(batch.past) + self.uses_parts * more)

    def loss(self, prediction: Prediction, batch: Batch) -> Float[Tensor, ""]:
        return self.point_loss(prediction.values, batch)

    def solve(self, train: Windows | Mix, held_out: Windows | Mix | None) -> dict[str, Any]:
        """Solve the linear map, then the readout of its residual; return what was chosen.

        Raises DataError when no window has all of its targets observed.
        """
        found = self.solved_maps.solve(train, held_out, self.task.targets, (self.settings.solved, self.grid))
        if not self.readout.chosen.numel():
            self._scale_features(train)
        with torch.no_grad():
            families = self._families(train, held_out)
        name = min(families, key=lambda each: sum(families[each][0]))
        _, chosen, weight = families[name]
        self.readout.take(weight, chosen, self.task.targets)
        means = {key: float(f"{sum(each[0]) / len(self.task.targets):.5g}") for key, each in families.items()}
        return {
            **found,
            "readouts": name,
            "validation_mse_with_features": {} if held_out is None else means,
            "share_of_linear_map_alone": float(f"{chosen[:, -1].mean():.3g}"),
        }

    def _columns(
        self,
        past: Float[Tensor, "*batch time"],
        across: Float[Tensor, "batch more"] | None,
        clock: Float[Tensor, "batch waves"] | None,
    ) -> Float[Tensor, "*batch columns"]:
        centred = self._centred(past, self.reads)
        if clock is not None and past.dim() == 3:
            clock = clock[:, None].expand(-1, past.shape[1], -1)
        columns = [centred, self.features(centred, clock)]
        if across is not None:
            columns.append(across if past.dim() == 2 else across[:, None].expand(-1, past.shape[1], -1))
        return torch.cat(columns, dim=-1)

    def _centred(self, past: Float[Tensor, "*batch time"], steps: int) -> Float[Tensor, "*batch read"]:
        return past[..., -steps:] - past[..., -self.last :].mean(-1, keepdim=True)

    def _clock(self, batch: Batch) -> Float[Tensor, "batch waves"] | None:
        """Where in the season the look-back ends. Raises DataError where steps have no phase."""
        if not self.settings.harmonics:
            return None
        if batch.phase is None:
            raise DataError(UNCOUNTED)
        return waves(batch.phase + self.task.lookback - 1, self.task.season, self.settings.harmonics)

    def _across(
        self, past: Float[Tensor, "batch time channel"], clock: Float[Tensor, "batch waves"] | None
    ) -> Float[Tensor, "batch more"] | None:
        """The features that see several channels at once; None where there are none."""
        if self.across is None:
            return None
        if past.shape[2] != self.task.channels:
            raise DataError(
                f"random-features: features across channels see {self.task.channels} channels, the data have"
                f" {past.shape[2]}; fit with model.across=0 to forecast any number of channels"
            )
        steps = min(self.settings.across_reads, self.task.lookback)
        return self.across(self._centred(past.transpose(1, 2), steps), clock)

    def _scale_features(self, train: Windows | Mix) -> None:
        """Scale the projections to a standard deviation of 1 over windows of all channels."""
        squares, rows = torch.zeros(self.settings.features, dtype=torch.float64), 0
        together = torch.zeros(self.settings.across, dtype=torch.float64)
        for windows in windows_of(train):
            past = windows.batch(spaced(len(windows), 256)).past.transpose(1, 2)
            if self.across is not None:
                seen = self._centred(past, min(self.settings.across_reads, self.task.lookback)).flatten(1)
                together += (seen @ self.across.directions).double().square().mean(0)
            centred = self._centred(past[:, list(self.task.targets)].flatten(0, 1), self.reads)
            squares += (centred @ self.features.directions).double().square().sum(0)
            rows += len(centred)
        self.features.scale_to((squares / rows).sqrt().float())
        if self.across is not None:
            self.across.scale_to((together / len(windows_of(train))).sqrt().float())

    def _batches(self, part: Windows | Mix) -> Iterator[Batch]:
        """The windows that the readout learns from or is judged on, a batch at a time."""
        for windows in windows_of(part):
            chosen = spaced(len(windows), max(1, round(self.settings.windows * len(windows) / len(part))))
            for begin in range(0, len(chosen), ROWS):
                yield windows.batch(chosen[begin : begin + ROWS])

    def _seen_by_all(self, part: Windows | Mix) -> Seen:
        """The features across channels and the clock of every batch: the same for all channels."""
        found: Seen = []
        for batch in self._batches(part):
            clock = self._clock(batch)
            found.append((self._across(batch.past, clock), clock))
        return found

    def _pairs(self, part: Windows | Mix, seen: Seen, place: int) -> Iterator[Pairs]:
        """Columns and residuals of the windows of one channel, a batch at a time.

        An unobserved target counts as forecast exactly by the linear map.
        """
        channel = self.task.targets[place]
        for batch, (across, clock) in zip(self._batches(part), seen, strict=True):
            assert batch.target is not None
            past = batch.past[..., channel]
            residual = batch.target[..., place] - self.solved_maps.of_channel(past, channel)
            if batch.target_observed is not None:
                residual = residual * batch.target_observed[..., place]
            yield self._columns(past, across, clock), residual

    def _families(self, train: Windows | Mix, held_out: Windows | Mix | None) -> Family:
        """Name → errors, weights of the candidates and readouts, for each way to share readouts that is tried."""
        tried = self._tried()
        own: list[tuple[float, Tensor, Tensor]] = []
        learned_total = judged_total = None
        seen = [self._seen_by_all(part) for part in (train, held_out) if part is not None]
        for place in range(len(self.task.targets)):
            learned = ColumnSums.of(self._pairs(train, seen[0], place))
            judged = None if held_out is None else ColumnSums.of(self._pairs(held_out, seen[1], place))
            if learned is None:
                raise DataError("random-features: the training part has no window; shorten lookback or horizon")
            if "own" in tried:
                own.append(self._solved(learned, judged, place))
            if "shared" in tried:
                learned_total = learned if learned_total is None else learned_total + learned
                if judged is not None:
                    judged_total = judged if judged_total is None else judged_total + judged
        found: Family = {}
        if learned_total is not None:
            error, chosen, weight = self._solved(learned_total, judged_total, 0)
            found["shared"] = ([error] * len(self.task.targets), chosen[None], weight[None])
        if own:
            errors, chosens, weights = zip(*own, strict=True)
            found["own"] = (list(errors), torch.stack(chosens), torch.stack(weights))
        return found

    def _tried(self) -> tuple[str, ...]:
        if self.readout.chosen.numel():  # as it was chosen before
            return ("shared",) if len(self.readout.chosen) == 1 else ("own",)
        if self.settings.readouts != "auto":
            return (self.settings.readouts,)
        channels = len(self.task.targets)
        return ("shared", "own") if 1 < channels <= 64 else ("shared",)

    def _solved(self, learned: ColumnSums, judged: ColumnSums | None, place: int) -> tuple[float, Tensor, Tensor]:
        """Validation error, weights of the candidates and the readout; the last candidate is none."""
        candidates = [*learned.solutions(self.settings.alphas), torch.zeros_like(learned.cross)]
        errors = [0.0 if judged is None else judged.error(each) for each in candidates]
        if self.readout.chosen.numel():
            shares = self.readout.chosen[place].double()
        elif judged is None:  # nothing to choose by: the middle of the grid
            shares = nn.functional.one_hot(torch.tensor(len(candidates) // 2), len(candidates)).double()
        else:
            shares = near_best(errors, self.settings.smoothing)
        weight = sum(share * each for share, each in zip(shares, candidates, strict=True))
        assert isinstance(weight, Tensor)
        return 0.0 if judged is None else judged.error(weight), shares.float(), weight.float()

    def facts(self, task: Task) -> dict[str, Any]:
        return {
            "maps": self.solved_maps.count,
            "look-backs": [Steps(steps) for steps in self.grid.lookbacks],
            "random features": self.settings.features,
            "random features across channels": 0 if self.across is None else self.settings.across,
        }

    def findings(self, shown: WindowLabels, batch: Batch) -> tuple[Finding, ...]:
        return (self.solved_maps.finding(shown, self.task.horizon),)
