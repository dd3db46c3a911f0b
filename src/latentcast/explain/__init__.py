"""One forecast explained: what it is made of, what its network says of it, and which part of the past it hangs on."""

from latentcast.explaining.asking import Asked, chosen, explained
from latentcast.explaining.attributing import check
from latentcast.explaining.explanation import Explanation

__all__ = ["Asked", "Explanation", "check", "chosen", "explained"]
