"""The gradient check that names the bug.

A derived gradient is compared with a measured one: the slope of the loss, by centred differences in float64.
Where they differ, a diagnosis is given only if applying a named mistake to the right gradient
reproduces the wrong one, number by number. It never guesses.

- :func:`numerical_gradient`, :func:`relative_error`: measure and compare.
- :func:`check_gradients`, :func:`assert_gradients_match`: gradients of any loss of named arrays.
- :func:`check_op`: one backward function. :func:`check_network`: a whole network.
  :func:`directional_check`: a network too large for that.
- :func:`diagnose`, :func:`op_mistakes`: what the checks use, and what exercises use.
- :data:`BUGS`: ten broken backward passes to try it on.

Lesson: 09_gradient_checking.
"""

from bphelpers.numeric import Kink, numerical_gradient, relative_error
from bphelpers.teaching.gradcheck.compare import (
    ArrayCheck,
    GradientReport,
    assert_gradients_match,
    check_gradients,
)
from bphelpers.teaching.gradcheck.diagnosis import Diagnosis, diagnose
from bphelpers.teaching.gradcheck.mistakes import check_op, op_mistakes
from bphelpers.teaching.gradcheck.museum import BUGS, BackwardPass, Bug
from bphelpers.teaching.gradcheck.network import check_network, directional_check

__all__ = [
    "BUGS",
    "ArrayCheck",
    "BackwardPass",
    "Bug",
    "Diagnosis",
    "GradientReport",
    "Kink",
    "assert_gradients_match",
    "check_gradients",
    "check_network",
    "check_op",
    "diagnose",
    "directional_check",
    "numerical_gradient",
    "op_mistakes",
    "relative_error",
]
