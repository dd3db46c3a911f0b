"""Tokens → tokens. A new backbone is a file here and a row below."""

from latentcast.registry import Registry

BACKBONES = Registry("backbone")
BACKBONES.add("encoder", "latentcast.backbones.encoder:EncoderBackbone", "Transformer encoder")
BACKBONES.add("attention", "latentcast.backbones.attention:AttentionBackbone", "one attention layer, nothing else")
BACKBONES.add(
    "none", "latentcast.backbones.none:NoBackbone", "tokens as they are: a linear model of the representation"
)
BACKBONES.add(
    "encoder-decoder", "latentcast.backbones.encoder_decoder:EncoderDecoder", "Transformer encoder and decoder"
)
BACKBONES.add("causal", "latentcast.backbones.causal:Causal", "Transformer that looks back alone, step by step too")
BACKBONES.add("frozen_llm", "latentcast.backbones.frozen_llm:FrozenLLM", "frozen language model behind a prompt")
