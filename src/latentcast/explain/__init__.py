"""Explain one forecast: the data, findings of the network's parts, and attribution to the past."""

from latentcast.explain.attribution import check
from latentcast.explain.build import ExplanationRequest, chosen, explained
from latentcast.explain.explanation import Explanation

__all__ = ["Explanation", "ExplanationRequest", "check", "chosen", "explained"]
