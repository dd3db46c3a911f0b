"""Attention over cached keys and values: exact, without copies.

A causal, frozen language model reads a prompt before the patches, and nothing that learns precedes it. So the keys and
values of the prompt's static part are computed once, those of each window's statistics without gradient, and only the
patches run with gradient. transformers' caches would concatenate all of it in every layer (and mutate); here queries
attend to the three parts where they lie, and one softmax over all scores makes the result that of the whole sequence.

Positions count real words only: padding lies behind a window's last word, where causality hides it from the window
itself, and `lengths` hides it from the patches.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from latentcast.layers.attention_by_rows import attention_by_rows, is_quicker

AT_ONCE = 8  # series whose leading tokens are run again side by side
NAME = "latentcast"  # of this attention, among those of transformers
Pair = tuple[Tensor, Tensor]
Layers = tuple[Pair, ...]  # keys and values of each layer, [series, heads, words, head width]


@dataclass(frozen=True)
class Known:
    """Cached keys and values of what precedes the current tokens.

    static   the same for every series, [1, heads, words, head width] in each layer
    own      of each series, padded at its end
    lengths  [series] how many words of `own` are real; None: all are
    led      of tokens that follow these and learn, in each series as many
    """

    static: Layers = ()
    own: Layers = ()
    lengths: Tensor | None = None
    led: Layers = ()

    @property
    def shared(self) -> int:
        return self.static[0][0].shape[2] if self.static else 0

    @property
    def width(self) -> int:
        """Words of `own`, with their padding."""
        return self.own[0][0].shape[2] if self.own else 0

    @property
    def leading(self) -> int:
        return self.led[0][0].shape[2] if self.led else 0

    def positions(self, series: int, tokens: int, device: torch.device) -> Tensor:
        """[series or 1, tokens] places of the tokens that follow."""
        place = torch.arange(tokens, device=device)[None] + self.shared + self.leading
        return place + (self.width if self.lengths is None else self.lengths[:, None])

    def cast(self, dtype: torch.dtype, static: Layers) -> "Known":
        """The words of each series in another precision, behind the `static` part in that precision."""
        return replace(self, static=static, own=tuple((k.to(dtype), v.to(dtype)) for k, v in self.own))

    def followed_by(self, more: Layers) -> "Known":
        """Append the keys and values of further tokens; the cached part must hold no padding."""
        assert self.lengths is None
        assert not self.led
        if not self.own:
            return Known(self.static, more)
        both = (
            (torch.cat([k, new_k], 2), torch.cat([v, new_v], 2))
            for (k, v), (new_k, new_v) in zip(self.own, more, strict=True)
        )
        return Known(self.static, tuple(both))


class Enough(Exception):
    """Raised to stop a pass once all requested keys and values exist."""


@dataclass
class Reading:
    """One pass through the model: the cached part, and the keys and values that it produces where they are `taken`.

    keep   [series, tokens] False at tokens that nobody may attend to
    stop   layers after which nothing more is needed, 0 for none
    instead   attention of another shape: of a layer's number, query, key, value, scaling and sliding window
    """

    known: Known
    taken: list[tuple[Tensor, Tensor]] | None = None
    keep: Tensor | None = None
    stop: int = 0
    instead: Callable[[int, Tensor, Tensor, Tensor, float, int | None], Tensor] | None = None


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float,
    reading: Reading | None = None,
    **rest: Any,
) -> tuple[Tensor, None]:
    """Attention function for transformers: torch's fused one, or over the cache of a `reading` and the current tokens.

    query [series, heads, tokens, head width]; key and value may have fewer heads. Returns [series, tokens, heads, …].
    """
    if reading is None:
        return _fused(module, query, key, value, attention_mask, scaling=scaling, **rest)
    known, layer = reading.known, int(module.layer_idx)  # type: ignore[arg-type]
    if reading.taken is not None:
        reading.taken.append((key, value))
        if len(reading.taken) == reading.stop:
            raise Enough
    window = rest.get("sliding_window")
    if reading.instead is not None:
        return reading.instead(layer, query, key, value, scaling, window), None
    series, heads, tokens, width = query.shape
    q = (query * scaling).reshape(series, key.shape[1], -1, width)
    static = known.static[layer] if known.static else None
    each = [layers[layer] for layers in (known.own, known.led) if layers]
    mixed = attended(q, static, [*each, (key, value)], _hidden(reading, series, tokens, query.device, window))
    return mixed.reshape(series, heads, tokens, width).transpose(1, 2), None


def attended(q: Tensor, static: Pair | None, each: list[Pair], hidden: Tensor) -> Tensor:
    """Mix values by one softmax over the scores of all parts, none of which is copied.

    q [series, heads of keys, groups · tokens, head width]; static [1, heads, words, head width] is shared by all
    series; hidden [series or 1, 1, 1, tokens, everything].
    """
    series, heads, queries, width = q.shape
    fixed = [*([] if static is None else [static]), *each[:-1]]
    if is_quicker(q, fixed, hidden.shape[-1]):
        return attention_by_rows(q, fixed, each[-1], hidden)
    scores = []
    if static is not None:  # one product for all series: their queries next to each other
        side_by_side = q.transpose(0, 1).reshape(heads, -1, width)
        shared = side_by_side @ static[0][0].transpose(1, 2)
        scores.append(shared.view(heads, series, queries, -1).transpose(0, 1))
    scores += [q @ keys.transpose(2, 3) for keys, _ in each]
    whole = torch.cat(scores, -1).unflatten(2, (-1, hidden.shape[3]))
    value = each[-1][1]
    weights = torch.softmax(whole.masked_fill_(hidden, -torch.inf), -1, dtype=torch.float32).to(value.dtype)
    parts = list(weights.flatten(2, 3).split([s.shape[-1] for s in scores], -1))
    mixed = parts.pop() @ value
    for _, values in reversed(each[:-1]):
        mixed = mixed + parts.pop() @ values
    if static is not None:
        side_by_side = parts.pop().transpose(0, 1).reshape(heads, series * queries, -1)
        mixed = mixed + (side_by_side @ static[1][0]).view(heads, series, -1, width).transpose(0, 1)
    return mixed


def _fused(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **how: Any
) -> tuple[Tensor, None]:
    """torch's fused attention; on a CPU in float32, since its backward in half precision takes four times as long."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    given = query.dtype
    if query.device.type != "cpu" or given not in (torch.bfloat16, torch.float16):
        return sdpa_attention_forward(module, query, key, value, attention_mask, **how)
    if attention_mask is not None and attention_mask.is_floating_point():
        attention_mask = attention_mask.float()
    with torch.autocast("cpu", enabled=False):
        whole = (query.float(), key.float(), value.float())
        mixed, _ = sdpa_attention_forward(module, *whole, attention_mask, **how)
    return mixed.to(given), None


def _hidden(reading: Reading, series: int, tokens: int, device: torch.device, window: int | None) -> Tensor:
    """[series or 1, 1, 1, tokens, everything] mask of hidden tokens, by position."""
    known, keep = reading.known, reading.keep
    at = known.positions(series, tokens, device)  # [series or 1, tokens]
    shared = torch.arange(known.shared, device=device)
    slots = torch.arange(known.width, device=device)
    places = torch.cat([shared, slots + known.shared]).expand(len(at), -1)
    led = at[:, :1] + torch.arange(-known.leading, 0, device=device)  # right before the tokens at hand
    places = torch.cat([places, led, at], 1)
    hidden = places[:, None] > at[:, :, None]
    if window is not None:
        hidden = hidden | (places[:, None] <= at[:, :, None] - window)
    if known.lengths is not None:
        padding = slots >= known.lengths[:, None]
        padding = nn.functional.pad(padding, (known.shared, known.leading + tokens))
        hidden = hidden | padding[:, None]
    if keep is not None:  # a token sees itself: a row without any score would be no number
        lost = ~keep[:, None] & ~torch.eye(tokens, dtype=torch.bool, device=device)
        hidden = hidden.expand(series, -1, -1) | nn.functional.pad(
            lost, (known.shared + known.width + known.leading, 0)
        )
    return hidden[:, None, None]


def read(llm: nn.Module, embedded: Tensor, reading: Reading) -> Tensor | None:
    """Run embedded tokens [series, tokens, width] after the cached part; None where only keys and values are
    requested."""
    series, tokens, _ = embedded.shape
    places = reading.known.positions(series, tokens, embedded.device).expand(series, -1)
    nothing = embedded.new_zeros(1, 1, 1, 1)  # a mask of four dimensions is taken as it is, and not read by `attend`
    try:
        out = llm(
            inputs_embeds=embedded,
            position_ids=places,
            attention_mask=nothing,
            use_cache=False,
            reading=reading,
        )
    except Enough:
        return None
    hidden: Tensor = out.last_hidden_state
    return hidden


@torch.no_grad()
def keys_and_values(llm: nn.Module, ids: Tensor, known: Known, layers: int) -> Layers:
    """Compute keys and values of words [series, words] after the cached part, without gradient and usable outside
    inference mode."""
    taken: list[tuple[Tensor, Tensor]] = []
    with torch.inference_mode(False):
        embed: Any = llm.get_input_embeddings()  # type: ignore[operator]
        read(llm, embed(ids.clone()), Reading(known, taken, stop=layers))
    return tuple(taken)


def led_by(llm: nn.Module, embedded: Tensor, known: Known, layers: int) -> Known:
    """Add trainable tokens [series, tokens, width] behind the cached part.

    The current tokens do not affect them, so that they run in a pass of their own that keeps only keys and values and
    is recomputed in the backward pass, a few series at a time. Their activations would dominate the memory of a step.
    """

    def run(rows: slice, x: Tensor) -> tuple[Tensor, ...]:
        own = tuple((k[rows], v[rows]) for k, v in known.own)
        before = Known(known.static, own, None if known.lengths is None else known.lengths[rows])
        taken: list[tuple[Tensor, Tensor]] = []
        read(llm, x, Reading(before, taken, stop=layers))
        return tuple(tensor for pair in taken for tensor in pair)

    starts = range(0, len(embedded), AT_ONCE)
    every = [slice(first, first + AT_ONCE) for first in starts]
    found = [checkpoint(run, rows, embedded[rows], use_reentrant=False, preserve_rng_state=False) for rows in every]
    whole = [torch.cat(tensors) for tensors in zip(*found, strict=True)]
    return replace(known, led=tuple(zip(whole[::2], whole[1::2], strict=True)))


def of_windows(llm: nn.Module, static: Layers, prompt: Tensor, layers: int) -> Known:
    """Build the cache before the patches: the static part and each series' own words [series, words], padded with -1.

    Equal prompts are computed once.
    """
    lengths = (prompt >= 0).sum(1)
    if prompt.shape[1] == 0:
        return Known(static)
    different, which = torch.unique(prompt, dim=0, return_inverse=True)
    some_are_equal = len(different) < len(prompt)
    own = keys_and_values(llm, (different if some_are_equal else prompt).clamp(min=0), Known(static), layers)
    if some_are_equal:
        own = tuple((k[which], v[which]) for k, v in own)
    return Known(static, own, lengths)


def register() -> None:
    """Make `attend` known to transformers, with the masks of its fused attention."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)


__all__: Sequence[str] = (
    "NAME", "Enough", "Known", "Layers", "Reading", "attend", "attended", "keys_and_values", "led_by", "of_windows",
    "read", "register",
)  # fmt: skip
