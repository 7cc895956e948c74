"""The steps of one training iteration, in the order in which backpropagation takes them.

`trace` lists those of a network, ``value_graph(root).steps()`` those of an expression of Values.

Each step says what it finds in symbols, with the numbers put in, and in words. The scrubber draws it, tests
compare its numbers with :mod:`bphelpers.functional`.

>>> import bphelpers as bp
>>> net, x, y, lr = bp.trace.running_example()
>>> steps = bp.trace.trace(net, bp.trace.HalfSquares(), x, y, lr)
>>> [step.name for step in steps[:4]]
['x', 'z1_1', 'z1_2', 'a1_1']
>>> print(steps[1])
Hidden neuron 1 adds up 0.15 times 0.05 plus 0.2 times 0.1 plus the bias 0.35: the weighted sum is 0.3775.
"""

from bphelpers.teaching.trace.layers import HalfSquares, Layer, layers, running_example, running_names
from bphelpers.teaching.trace.steps import Step, trace
from bphelpers.teaching.trace.values import ValueGraph, value_graph

__all__ = ["HalfSquares", "Layer", "Step", "ValueGraph", "layers", "running_example", "running_names",
           "trace", "value_graph"]  # fmt: skip
