"""One forecast explained: what it is made of, what its network says of it, and which part of the past it hangs on."""

from latentcast.explain.attribution import check
from latentcast.explain.build import ExplanationRequest, chosen, explained
from latentcast.explain.explanation import Explanation

__all__ = ["Explanation", "ExplanationRequest", "check", "chosen", "explained"]
