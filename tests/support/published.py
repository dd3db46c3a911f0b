"""Published modules written anew from what is known of them: parameters by their published names, plain arithmetic.

Each takes the state_dict that the published code saves, so that a forecast can be checked against it.
"""

import math
from typing import Any

import torch
from torch import Tensor

LLM = {"published": "llm_model.", "neuralforecast": "llm."}
HEADS, LENGTH, STRIDE = 2, 16, 8


def time_llm_state(llm: Any, lookback: int, horizon: int, wording: str = "published", seed: int = 0) -> dict[str, Any]:
    """Random weights of Time-LLM, two heads of eight features, patches of 16 steps embedded in six."""
    draw = torch.Generator().manual_seed(seed)
    words = llm.get_input_embeddings().weight
    vocabulary, wide = words.shape
    patches = (lookback - LENGTH) // STRIDE + 2
    prototypes = 1000 if wording == "published" else 1024
    shapes = {
        "patch_embedding.value_embedding.tokenConv.weight": (6, LENGTH, 3),
        "mapping_layer.weight": (prototypes, vocabulary),
        "mapping_layer.bias": (prototypes,),
        "reprogramming_layer.query_projection.weight": (16, 6),
        "reprogramming_layer.query_projection.bias": (16,),
        "reprogramming_layer.key_projection.weight": (16, wide),
        "reprogramming_layer.key_projection.bias": (16,),
        "reprogramming_layer.value_projection.weight": (16, wide),
        "reprogramming_layer.value_projection.bias": (16,),
        "reprogramming_layer.out_projection.weight": (wide, 16),
        "reprogramming_layer.out_projection.bias": (wide,),
        "output_projection.linear.weight": (horizon, 8 * patches),
        "output_projection.linear.bias": (horizon,),
    }
    state = {name: 0.2 * torch.randn(shape, generator=draw) for name, shape in shapes.items()}
    frozen = {LLM[wording] + name: p.detach().clone() for name, p in llm.named_parameters()}
    return {"word_embeddings": words.detach().clone(), **frozen, **state}


def time_llm_prompt(series: Tensor, description: str, lookback: int, horizon: int, wording: str) -> str:
    """The text before the patches of one normalised series [time]."""
    head = f"Dataset description: {description}" if wording == "published" else description
    power = torch.fft.rfft(series[None, None])
    lags = torch.fft.irfft(power * power.conj()).mean(1).topk(5).indices[0].tolist()
    trend = "upward" if series[None, :, None].diff(dim=1).sum() > 0 else "downward"
    values = [float(x) for x in (series.min(), series.max(), series.sort().values[(len(series) - 1) // 2])]
    return (
        f"<|start_prompt|>{head}Task description: forecast the next {horizon} steps given the previous {lookback} steps"
        f" information; Input statistics: min value {values[0]}, max value {values[1]}, median value {values[2]},"
        f" the trend of input is {trend}, top 5 lags are : {lags}<|<end_prompt>|>"
    )


def time_llm_forecast(
    state: dict[str, Any], llm: Any, tokenizer: Any, window: Tensor, horizon: int, description: str, wording: str
) -> Tensor:
    """[time] → [horizon], with the prompt of this window alone: nothing pads it."""
    loc, scale = window.mean(), (window.var(unbiased=False) + 1e-5).sqrt()
    series = (window - loc) / scale
    text = time_llm_prompt(series, description, len(window), horizon, wording)
    prompt = llm.get_input_embeddings()(torch.tensor(tokenizer(text)["input_ids"]))
    longer = torch.cat([series, series[-1:].repeat(STRIDE)])
    patches = torch.stack([longer[at : at + LENGTH] for at in range(0, len(longer) - LENGTH + 1, STRIDE)])
    kernel = state["patch_embedding.value_embedding.tokenConv.weight"]
    near = [patches.roll(shift, 0) for shift in (1, 0, -1)]  # the one before, itself, the one after; the ends meet
    tokens = sum(near[place] @ kernel[:, :, place].T for place in range(3))
    prototypes = state["mapping_layer.weight"] @ state["word_embeddings"] + state["mapping_layer.bias"][:, None]

    def through(part: str, x: Tensor) -> Tensor:
        at = f"reprogramming_layer.{part}_projection"
        return x @ state[f"{at}.weight"].T + state[f"{at}.bias"]

    asked = through("query", tokens).view(len(tokens), HEADS, -1)
    keys = through("key", prototypes).view(len(prototypes), HEADS, -1)
    values = through("value", prototypes).view(len(prototypes), HEADS, -1)
    mixed = []
    for head in range(HEADS):
        scores = asked[:, head] @ keys[:, head].T / math.sqrt(asked.shape[2])
        mixed.append(scores.softmax(1) @ values[:, head])
    patches = through("out", torch.cat(mixed, 1))
    with torch.no_grad():
        hidden = llm(inputs_embeds=torch.cat([prompt, patches])[None]).last_hidden_state[0, -len(patches) :, :8]
    flat = hidden.T.reshape(-1)  # features outermost
    forecast = state["output_projection.linear.weight"] @ flat + state["output_projection.linear.bias"]
    return forecast * scale + loc


def dlinear_forecast(state: dict[str, Any], window: Tensor, kernel: int) -> Tensor:
    """[time, channel] → [horizon, channel]."""
    half = (kernel - 1) // 2
    longer = torch.cat([window[:1].repeat(half, 1), window, window[-1:].repeat(half, 1)])
    trend = torch.stack([longer[at : at + kernel].mean(0) for at in range(len(window))])
    found = []
    for channel in range(window.shape[1]):
        own = f".{channel}" if "Linear_Trend.0.weight" in state else ""
        parts = {"Linear_Trend": trend[:, channel], "Linear_Seasonal": (window - trend)[:, channel]}
        found.append(sum(state[f"{n}{own}.weight"] @ x + state[f"{n}{own}.bias"] for n, x in parts.items()))
    return torch.stack(found, 1)
