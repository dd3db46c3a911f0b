"""Autoregressive token models: forecast codes in one pass or sample paths code by code, then decode them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from latentcast.core.errors import Fault, SettingsError
from latentcast.core.protocols import ContinuesTokens
from latentcast.core.types import Batch, Prediction, Scale, Task, Tokens
from latentcast.layers.code_sampling import chances
from latentcast.layers.codebook import Codes, Vectors
from latentcast.layers.losses import point_loss
from latentcast.models.composed import Composed, ComposedSettings
from latentcast.models.heads.code import CodeHead, by_channel
from latentcast.models.representations.codes import Codes as CodeTokens

QUIET = 0.1  # smallest scale of a window, as a share of its series' standard deviation
SERIES_AT_ONCE = 4096  # paths sampled at the same time: bounds the memory


class Autoregressive(Composed):
    """A language model of codes: each code is predicted from those before it.

    Trained by three losses, a stage each: `codec_loss`, `next_code_loss`, and that of the forecasts. Raises
    SettingsError when the parts are no codes, no code head, or no backbone that can go on from what it has read.
    """

    representation: CodeTokens
    head: CodeHead

    def __init__(self, settings: ComposedSettings, task: Task) -> None:
        faults = []
        if settings.representation.name != "codes":
            faults.append(
                Fault("representation", f"={settings.representation.name}: only codes can be predicted one by one")
            )
        if settings.head.name != "code":
            faults.append(Fault("head", f"={settings.head.name}: codes are predicted by the head code"))
        if settings.mixers:
            faults.append(
                Fault("mixers", f"={settings.mixers[0].name}: it does not go with codes, predicted one by one")
            )
        if settings.shortcut != "none":
            faults.append(
                Fault("shortcut", f"={settings.shortcut}: codes stand for values, not for what it leaves of them")
            )
        if faults:
            raise SettingsError(faults)
        super().__init__(settings, task)
        self.static = None  # a codec reconstructs its input and has no parameters of a series
        # codes reconstruct their input: they are not trained to fill hidden values
        sampled = "its forecast is the mean of sampled paths; set model.head.decode=expected, greedy or queries"
        self.capabilities = replace(
            self.capabilities,
            uses_static=False,
            reconstructs=False,
            samples=True,
            not_exported=sampled if self.head.settings.decode == "sample" else "",
        )
        if not isinstance(self.backbone, ContinuesTokens):
            raise SettingsError(
                Fault(
                    "backbone", f"={settings.backbone.name}: it cannot go on token by token; model.backbone=causal can"
                )
            )
        self.representation.query.requires_grad_(self.head.settings.decode == "queries")  # nothing else reads them

    def forward(self, batch: Batch) -> Prediction:
        scale, tokens, codes = self._read(batch)
        how = self.head.settings
        if how.decode == "queries":
            return self._direct(tokens, codes, scale)
        if how.decode == "sample" and not self.training:
            # one seed for all windows, so that the position in a batch has no effect
            seeds = torch.zeros(len(batch), dtype=torch.long)
            return Prediction(self._paths(tokens, scale, how.paths, seeds).mean(1))
        future = self._roll(tokens, lambda last, step: self._likely(last))
        return Prediction(self.head.decoded(tokens.skips[0], future, scale))

    def sample(
        self, batch: Batch, paths: int, seeds: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch path horizon channel"]:
        """Sample paths code by code. The paths of a window depend on its seed and not on its batch."""
        scale, tokens, _ = self._read(batch)
        return self._paths(tokens, scale, paths, seeds)

    def reconstruct(self, batch: Batch, *, alone: bool = False) -> Prediction:
        """Reconstruct the look-back by the codec alone."""
        scale, vectors, _, _ = self._encoded(batch)
        values = self.representation.codec.decode(vectors)[:, -batch.past.shape[1] :]
        return Prediction(scale.invert(by_channel(values, scale)))

    def codes(self, batch: Batch) -> Codes:
        """Return the codes of the look-back, [batch · channel, codes, codebook]."""
        return self._encoded(batch)[2]

    def strangeness(
        self, batch: Batch
    ) -> tuple[Float[Tensor, "batch steps channel"], Float[Tensor, "batch steps channel"]]:
        """Return |error of the codec| and −log p of every step of look-back and horizon, scaled by the look-back.

        The first code of the look-back has no probability (NaN), nor have steps of the horizon after its last whole
        code; the codec reads these padded with the repeated last value.
        """
        codec, channels = self.representation.codec, batch.past.shape[2]
        scale = self._scale(batch)
        past = scale.apply(batch.past)
        ahead = 0 if batch.target is None else batch.target.shape[1]
        if batch.target is not None and ahead:
            past = torch.cat([past, scale.apply(batch.target)], dim=1)
        whole = torch.cat([past, past[:, -1:].expand(-1, -ahead % codec.factor, -1)], dim=1)
        observed = None
        if batch.observed is not None:
            seen = [batch.observed, *([batch.target_observed] if ahead and batch.target_observed is not None else [])]
            observed = torch.cat([*seen, torch.zeros_like(whole[:, past.shape[1] :], dtype=torch.bool)], dim=1)
        series = self.representation.series(Batch(whole, observed))
        vectors, codes = codec.encode(series)
        errors = (codec.decode(vectors)[:, -whole.shape[1] :] - series).abs()
        told = self.representation.ahead(batch, vectors.shape[1])
        values = self.representation.embed(vectors, ahead=told)
        tokens = Tokens(values, self.representation.keep(Batch(whole, observed)))
        surprise = self.head.surprise(self.backbone(tokens).values[:, :-1], codes[:, 1:]) / codec.factor
        nothing = surprise.new_full((len(surprise), 1), torch.nan)
        each = torch.cat([nothing, surprise], dim=1).repeat_interleave(codec.factor, dim=1)[:, -whole.shape[1] :]
        steps = past.shape[1]
        found = (x.unflatten(0, (-1, channels)).transpose(1, 2)[:, :steps] for x in (errors, each))
        first, second = found
        return first, second

    def codec_loss(self, batch: Batch) -> Tensor:
        """Return the error of the look-back after encode → decode, scaled by its first half.

        Codes of a forecast are scaled by the values before them: the second half, which may drift from the first,
        shows such values to the codebook.
        """
        half = max(batch.past.shape[1] // 2, 1)
        scale = self._scale(Batch(batch.past[:, :half], None if batch.observed is None else batch.observed[:, :half]))
        series = self.representation.series(replace(batch, past=scale.apply(batch.past)))
        codec = self.representation.codec
        latent = codec.vectors(series)
        if self.training:
            vectors, commitment = codec.codebook.learn(latent)
        else:
            vectors, commitment = codec.codebook(latent)[0], latent.new_zeros(())

        def error(of: Vectors) -> Tensor:
            values = scale.invert(by_channel(codec.decode(of)[:, -series.shape[1] :], scale))
            return point_loss("mse", values, batch.past, batch.observed)

        coarse = codec.settings.coarse
        first = coarse * error(codec.codebook.coarse(latent)) if coarse and self.training else 0.0
        return error(vectors) + commitment + first

    def next_code_loss(self, batch: Batch) -> Tensor:
        """Return the cross-entropy of every code of look-back and horizon given those before it, scaled by the
        look-back alone.

        Codes with a missing step are left out.
        """
        codec, known = self.representation.codec, batch
        batch, judged = self._whole(batch)
        series = self.representation.series(batch)
        with torch.no_grad():
            vectors, codes = codec.encode(series)
        values = self.representation.embed(vectors, ahead=self.representation.ahead(known, vectors.shape[1]))
        hidden = self.backbone(Tokens(values, self.representation.keep(batch))).values[:, :-1]
        surprise = _mean(self.head.surprise(hidden, codes[:, 1:]), judged)
        if not self.training or not self.head.settings.aligned:
            return surprise
        likely = torch.cat([vectors[:, :1], self.head.mixture(hidden)], 1)  # each code from the true ones before it
        missing = -series.shape[1] % codec.factor
        wanted = series[:, codec.factor - missing :].unflatten(1, (-1, codec.factor))
        error = (codec.decode(likely)[:, codec.factor :].unflatten(1, (-1, codec.factor)) - wanted).square().mean(2)
        return surprise + self.head.settings.aligned * _mean(error, judged)

    def _whole(self, batch: Batch) -> tuple[Batch, Bool[Tensor, "series tokens"] | None]:
        """Join look-back and horizon, and mark the complete codes after the first."""
        scale = self._scale(batch)
        past, observed = scale.apply(batch.past), batch.observed
        if batch.target is not None:
            steps = batch.target.shape[1] // self.representation.codec.factor * self.representation.codec.factor
            past = torch.cat([past, scale.apply(batch.target[:, :steps])], dim=1)
            if observed is not None:
                assert batch.target_observed is not None
                observed = torch.cat([observed, batch.target_observed[:, :steps]], dim=1)
        whole = Batch(past, observed)
        if observed is None:
            return whole, None
        missing = self.representation.keep(Batch(past, ~observed))
        assert missing is not None
        return whole, ~missing[:, 1:]

    def _scale(self, batch: Batch) -> Scale:
        scale = super()._scale(batch)
        return replace(scale, scale=(scale.scale.square() + QUIET**2).sqrt()) if self.normalise else scale

    def _normalised(self, batch: Batch) -> tuple[Scale, Batch]:
        scale = self._scale(batch)
        return scale, replace(batch, past=scale.apply(batch.past))

    def _encoded(self, batch: Batch) -> tuple[Scale, Vectors, Codes, Batch]:
        """Return the codes of the look-back, their vectors, and the scaled batch.

        Outside training codes are those of double precision, where the device has it: the forecast of a window then
        depends on neither its batch nor the runtime, also where two codes are almost equally near.
        """
        codec = self.representation.codec
        if self.training or batch.past.device.type == "mps":
            scale, scaled = self._normalised(batch)
            vectors, codes = codec.encode(self.representation.series(scaled))
            return scale, vectors, codes, scaled
        exact, scaled = self._normalised(replace(batch, past=batch.past.double()))
        vectors, codes = codec.encode_exactly(self.representation.series(scaled))
        scale = Scale(exact.loc.to(batch.past.dtype), exact.scale.to(batch.past.dtype))
        return scale, vectors, codes, replace(scaled, past=scaled.past.to(batch.past.dtype))

    def _read(self, batch: Batch) -> tuple[Scale, Tokens, Codes]:
        """Return the look-back as tokens, and its codes."""
        scale, vectors, codes, scaled = self._encoded(batch)
        told = self.representation.ahead(batch, vectors.shape[1] + self.representation.query_tokens)
        return scale, self.representation.tokens(vectors, self.representation.keep(scaled), told), codes

    def _direct(self, tokens: Tokens, codes: Codes, scale: Scale) -> Prediction:
        """Predict all codes of the horizon in one pass, with the likelihood of the codes of the look-back."""
        past = tokens.values.shape[1]
        hidden = self.backbone(tokens.sequence())
        prediction = self.head(Tokens(hidden.values[:, past:], skips=tokens.skips), scale)
        if not self.training or not self.head.settings.codes:
            return replace(prediction, penalty=hidden.penalty)
        surprise = self.head.surprise(hidden.values[:, : past - 1], codes[:, 1:])
        keep = None if tokens.keep is None else tokens.keep[:, 1:]
        with_penalty = hidden.penalised(self.head.settings.codes * _mean(surprise, keep))
        return replace(prediction, penalty=with_penalty.penalty)

    def _roll(
        self, tokens: Tokens, choose: Callable[[Float[Tensor, "series width"], int], Vectors], paths: int = 1
    ) -> Vectors:
        """Choose the codes of the horizon one by one from the last hidden state, for `paths` of each series."""
        backbone: Any = self.backbone
        hidden, cache = backbone.extend(tokens.values, None, tokens.keep)
        if paths > 1:
            hidden, cache = hidden[:, -1:].repeat_interleave(paths, dim=0), backbone.branched(cache, paths)
        future: list[Tensor] = []
        at = tokens.values.shape[1]
        told = tokens.skips[1].repeat_interleave(paths, dim=0) if len(tokens.skips) > 1 else None
        for step in range(self.representation.query_tokens):
            if step:
                place = at + step - 1
                own = None if told is None else told[:, place : place + 1]
                hidden, cache = backbone.extend(self.representation.embed(future[-1], place, own), cache)
            future.append(choose(hidden[:, -1], step))
        return torch.cat(future, dim=1)

    def _likely(self, last: Float[Tensor, "series width"]) -> Vectors:
        if self.training or self.head.settings.decode == "expected":  # choices have no gradient, mixtures have
            return self.head.mixture(last[:, None])
        return self.representation.codec.codebook.lookup(self.head.chosen(last, lambda logits, _: logits.argmax(-1)))

    def _paths(
        self, tokens: Tokens, scale: Scale, paths: int, seeds: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch path horizon channel"]:
        """Sample groups of windows that fit into memory."""
        channels = scale.loc.shape[2]
        group = max(1, SERIES_AT_ONCE // (channels * paths))
        done = []
        for first in range(0, len(seeds), group):
            windows, series = slice(first, first + group), slice(first * channels, (first + group) * channels)
            some = Tokens(tokens.values[series], None if tokens.keep is None else tokens.keep[series],
                          skips=tuple(one[series] for one in tokens.skips))  # fmt: skip
            done.append(self._group(some, Scale(scale.loc[windows], scale.scale[windows]), paths, seeds[windows]))
        return torch.cat(done)

    def _group(
        self, tokens: Tokens, scale: Scale, paths: int, seeds: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch path horizon channel"]:
        draw, book, channels = self.head.settings.draw, self.representation.codec.codebook, scale.loc.shape[2]
        steps = self.representation.query_tokens
        chance = chances(seeds, channels, paths, steps * book.levels).flatten(0, 2).to(tokens.values.device)

        def choose(last: Tensor, step: int) -> Tensor:
            return book.lookup(
                self.head.chosen(last, lambda logits, level: draw(logits, chance[:, step * book.levels + level]))
            )

        future = self._roll(tokens, choose, paths)
        # a path is a channel more to the scale, and back
        wide = Scale(*(x.repeat_interleave(paths, dim=2) for x in (scale.loc, scale.scale)))
        values = self.head.decoded(tokens.skips[0].repeat_interleave(paths, dim=0), future, wide)
        return values.unflatten(2, (channels, paths)).permute(0, 3, 1, 2)


def _mean(values: Float[Tensor, "series tokens"], judged: Bool[Tensor, "series tokens"] | None) -> Float[Tensor, ""]:
    if judged is None:
        return values.mean()
    return (values * judged).sum() / judged.sum().clamp(min=1)
