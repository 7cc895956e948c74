"""The gradient check that names the bug [09].

A derived gradient is compared with a measured one: the slope of the loss, by centred differences in float64.
Where they differ, a diagnosis is given only if applying a named mistake to the right gradient reproduces the
wrong one, number by number, and no right gradient refutes it. It never guesses.

``mistakes`` holds the table. ``diagnosis`` tries it on one gradient, ``slopes`` looks closely at one entry,
``gradients`` checks any loss of named arrays and ``report`` says what was found; ``operations`` does it for
one backward function, ``whole_network`` with ``rerun`` for a network, its random numbers ``held`` still.
``museum`` shows ten broken backward passes to try it on. ``own`` does it for code that knows no package:
``theirs`` finds its arrays, ``recognise`` its network, ``lines`` the lines that could be wrong. ``sanity``
looks, before training, at what a gradient check cannot see.
"""

from bphelpers.numeric import numerical_gradient, relative_error
from bphelpers.teaching.gradcheck.diagnosis import Diagnosis, diagnose
from bphelpers.teaching.gradcheck.gradients import assert_gradients_match, check_gradients
from bphelpers.teaching.gradcheck.museum import BUGS, BackwardPass, Bug
from bphelpers.teaching.gradcheck.operations import check_op, op_mistakes
from bphelpers.teaching.gradcheck.own import check_function, check_layer, check_own, check_update
from bphelpers.teaching.gradcheck.report import ArrayCheck, GradientReport
from bphelpers.teaching.gradcheck.sanity import Line, Sanity, sanity
from bphelpers.teaching.gradcheck.slopes import Kink
from bphelpers.teaching.gradcheck.whole_network import check_network, directional_check

__all__ = [
    "BUGS",
    "ArrayCheck",
    "BackwardPass",
    "Bug",
    "Diagnosis",
    "GradientReport",
    "Kink",
    "Line",
    "Sanity",
    "assert_gradients_match",
    "check_function",
    "check_gradients",
    "check_layer",
    "check_network",
    "check_op",
    "check_own",
    "check_update",
    "diagnose",
    "directional_check",
    "numerical_gradient",
    "op_mistakes",
    "relative_error",
    "sanity",
]
