"""Whole models: those that do not decompose into representation, backbone and head. A new one is a file and a row."""

from latentcast.registry import Registry

MODELS = Registry("model class")
MODELS.add("naive", "latentcast.models.naive:Naive")
MODELS.add("seasonal-naive", "latentcast.models.naive:SeasonalNaive")
MODELS.add("dlinear", "latentcast.models.dlinear:DLinear")
MODELS.add("transformer", "latentcast.models.transformer:Transformer")
MODELS.add("autoformer", "latentcast.models.autoformer:Autoformer")
MODELS.add("auto-arima", "latentcast.models.classical:AutoArima")
MODELS.add("auto-ets", "latentcast.models.classical:AutoEts")
MODELS.add("theta", "latentcast.models.classical:Theta")
MODELS.add("chronos", "latentcast.models.chronos:Chronos")
MODELS.add("hybrid", "latentcast.hybrid:Hybrid")
MODELS.add("autoregressive", "latentcast.autoregressive:Autoregressive")
