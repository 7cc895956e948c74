"""What every layer and network is made of: parameters, what a forward pass keeps, one layer after another."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy import ndarray
from numpy.typing import ArrayLike

from bphelpers.arguments import Array, real, shaped

# What a formula raises where an array does not fit. Then the arguments are looked at, and it is said why.
UNFIT = ArithmeticError, AttributeError, IndexError, TypeError, ValueError


class Parameter:
    """An array that training changes, and the gradient of the loss with respect to it [05].

    What is put into ``data`` or ``grad`` is copied in, since both may be parts of larger arrays. Before the
    first backward pass ``grad`` is NaN.

    >>> Parameter(np.zeros((2, 3)), "W")
    Parameter W, shape (2, 3)
    """

    home: "Joined | None" = None  # the one array that it is a part of

    def __init__(self, data: ArrayLike, name: str) -> None:
        self._data = np.array(real("data", data))
        self._grad = np.full_like(self._data, np.nan)
        self.name = name

    @property
    def data(self) -> Array:
        """The values."""
        return self._data

    @data.setter
    def data(self, values: ArrayLike) -> None:
        self._put("data", self._data, values)

    @property
    def grad(self) -> Array:
        """The gradient that the latest backward pass found."""
        return self._grad

    @grad.setter
    def grad(self, values: ArrayLike) -> None:
        self._put("grad", self._grad, values)

    def _put(self, attribute: str, place: Array, values: ArrayLike) -> None:
        if values is not place:  # p.data -= step has written already
            array = real(f"{self.name}.{attribute}", values)
            if array.shape != place.shape:
                raise ValueError(f"{self.name}.{attribute} must have shape {place.shape}, got {array.shape}")
            place[...] = array

    def live_in(self, data: Array, grad: Array, home: "Joined | None" = None) -> None:
        """Move into these two arrays, keeping the values."""
        data[...], grad[...] = self._data, self._grad
        for joined, change in ((self.home, -1), (home, 1)):
            if joined is not None:
                joined.present += change
        self._data, self._grad, self.home = data, grad, home

    def __getstate__(self) -> dict[str, Any]:
        """A copy has arrays of its own."""
        return vars(self) | {"home": None}

    def __repr__(self) -> str:
        return f"Parameter {self.name}, shape {self.data.shape}"


class Joined(Parameter):
    """Parameters laid one after another into one array; each is a part of it from then on."""

    present = 0  # how many of the parts are here: one may have moved into another network

    def __init__(self, parts: list[Parameter]) -> None:
        kinds = dict.fromkeys(str(p.data.dtype) for p in parts)
        if len(kinds) > 1 or len(set(parts)) < len(parts):
            found = " and ".join(kinds) if len(kinds) > 1 else "one of them twice"
            raise ValueError(f"flat must have parameters that fit into one array, got {found}")
        super().__init__(np.concatenate([p.data.ravel() for p in parts]) if parts else [], "all")
        self.parts = parts
        self.lay_out()

    def lay_out(self) -> None:
        """Make every part a part again."""
        for p, place in zip(self.parts, self.places(), strict=True):
            data, grad = (array[place].reshape(p.data.shape) for array in (self.data, self.grad))
            p.live_in(data, grad, self)
        self.present = len(self.parts)

    def places(self) -> Iterator[slice]:
        """Where each part lies."""
        end = 0
        for p in self.parts:
            begin, end = end, end + p.data.size
            yield slice(begin, end)


class Remembers:
    """What a forward pass keeps for the backward pass; a ``pair`` of functions, called without a look."""

    pair: tuple[Any, Any] = None, None
    function: Callable[..., Any]
    gradient: Callable[..., Any]
    _kept: Any = None

    def __init_subclass__(cls) -> None:
        if "pair" in vars(cls) and "function" not in vars(cls):
            cls.function, cls.gradient = (staticmethod(getattr(f, "plain", f)) for f in cls.pair)

    def remembered(self) -> Any:
        if self._kept is None:
            raise RuntimeError(f"{type(self).__name__}.backward needs a forward pass first")
        return self._kept

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Module(Remembers):
    """What every layer offers. A layer of your own defines ``forward``, ``backward`` and ``parameters``.

    ``backward(dout)`` takes the gradient of the loss with respect to the output of the latest ``forward``,
    writes (does not add) the gradients of the parameters into their ``.grad``, and returns that of the input.
    """

    training = True
    asked = True  # for the gradient of its input: in training nobody asks the first layer

    def __call__(self, x: ArrayLike) -> Array:
        """Validate ``x``, then run ``forward``."""
        with np.errstate(over="ignore"):  # where a sigmoid's exponential is infinite, 1 over it is 0
            return self.forward(self.entering(x))

    def entering(self, x: ArrayLike) -> Array:
        """``x`` as this module takes it, or a ValueError that says what it takes."""
        return real("x", x)

    def forward(self, x: Array) -> Array:
        """Output for the batch ``x``; remembers what ``backward`` needs."""
        raise NotImplementedError

    def backward(self, dout: Array) -> Array:
        """Gradient with respect to the input of the latest ``forward``."""
        raise NotImplementedError

    def children(self) -> list["Module"]:
        """The modules directly inside."""
        return []

    def parameters(self) -> list[Parameter]:
        """All parameters, from input to output."""
        return [p for child in self.children() for p in child.parameters()]

    def buffers(self) -> list[Parameter]:
        """What is kept and saved with the parameters but has no gradient, such as a running mean."""
        return [p for child in self.children() for p in child.buffers()]

    def train(self, mode: bool = True) -> "Module":
        """Switch to training (dropout acts, batch norm looks at the batch); returns the module."""
        for child in self.children():
            child.train(mode)
        self.training = mode
        return self

    def eval(self) -> "Module":
        """Switch to evaluation (dropout does nothing, batch norm is fixed); returns the module."""
        return self.train(False)

    def state_dict(self) -> dict[str, Array]:
        """Copies of all parameters and buffers by name; ``np.savez(path, **net.state_dict())`` saves them."""
        return {name: p.data.copy() for name, p in self._by_name().items()}

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Put back what :meth:`state_dict` gave, or ``np.load(path)``. Nothing is changed unless all fits."""
        own = self._by_name()
        if own.keys() != state.keys():
            raise ValueError(f"state must hold exactly {sorted(own)}, got {sorted(state)}")
        for name, p in own.items():
            if real(name, state[name]).shape != p.data.shape:
                raise ValueError(f"{name} must have shape {p.data.shape}, got {np.shape(state[name])}")
        for name, p in own.items():
            p.data = state[name]

    def _by_name(self) -> dict[str, Parameter]:
        kept = [*self.parameters(), *self.buffers()]
        named = {p.name: p for p in kept}
        if len(named) < len(kept):  # a network made of some of these layers has named them anew
            raise ValueError(f"parameters must have different names, got {[p.name for p in kept]}")
        return named


def leaves(net: Module, into: type[Module] | None = None) -> Iterator[Module]:
    """The layers that have none inside, from input to output.

    With ``into=Sequential`` only plain networks are opened: a :class:`Residual`, or a subclass of Sequential,
    which may feed its layers in another way, counts as one layer.
    """
    if isinstance(net, Sequential) or net.children() if into is None else type(net) is into:
        for child in net.children():
            yield from leaves(child, into)
    else:
        yield net


def fitting(name: str, array: ArrayLike, shape: str, like: Array, **lengths: Any) -> Array:
    """An array of that shape, in the type of ``like``."""
    return np.asarray(shaped(name, array, shape, lengths), like.dtype)


def shaped_as(kept: Array, dout: ArrayLike) -> Array:
    """``dout`` as an array of the shape and type of what was kept."""
    if type(dout) is ndarray and dout.shape == kept.shape and dout.dtype == kept.dtype:
        return dout
    return fitting("dout", dout, "...", kept, **{"...": kept.shape})


class Sequential(Module):
    """Layers one after another. Parameters are named by their layer: ``W1, b1, W2, b2, ...`` [05].

    >>> from bphelpers.nn import Linear, Sigmoid
    >>> rng = np.random.default_rng(0)
    >>> net = Sequential(Linear(2, 3, rng=rng), Sigmoid(), Linear(3, 1, rng=rng))
    >>> [p.name for p in net.parameters()], net.flat
    (['W1', 'b1', 'W2', 'b2'], Parameter all, shape (13,))
    """

    _joined: Joined | None = None

    def __init__(self, *layers: Module) -> None:
        for layer in layers:
            if not isinstance(layer, Module):
                raise ValueError(f"layers must be modules such as nn.Linear, got {layer!r}")
        self.layers = list(layers)
        inside = list(leaves(self))
        if len(set(inside)) < len(inside):
            raise ValueError("each layer may stand in a network once; make a second one, do not use it again")
        with_numbers = [own for own in ([*leaf.parameters(), *leaf.buffers()] for leaf in inside) if own]
        for count, own in enumerate(with_numbers, start=1):
            for p in own:
                p.name = p.name.rstrip("0123456789") + str(count)
        parts = self.parameters()
        # Those that belong to a larger network stay there: ask for flat to have them.
        if all(p.home is None or set(p.home.parts) <= set(parts) for p in parts):
            with contextlib.suppress(ValueError):  # they do not fit into one array
                self._joined = Joined(parts)

    @property
    def flat(self) -> Parameter:
        """All parameters as one, for rules and vectors: ``W1`` row by row, ``b1``, ``W2``, ..."""
        parts = self.parameters()
        if self._joined is None or self._joined.parts != parts:
            self._joined = Joined(parts)
        elif self._joined.present < len(parts):
            self._joined.lay_out()
        return self._joined

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy lays its own parameters into its own array."""
        vars(self).update(state)
        if self._joined is not None:
            self._joined.lay_out()

    def children(self) -> list[Module]:
        return self.layers

    def entering(self, x: ArrayLike) -> Array:
        return self.layers[0].entering(x) if self.layers else real("x", x)

    def forward(self, x: Array) -> Array:
        if type(x) is not ndarray:
            x = self.entering(x)
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dout: Array) -> Array:
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        return dout

    def __getitem__(self, index: int) -> Module:
        return self.layers[index]

    def __len__(self) -> int:
        return len(self.layers)

    def __repr__(self) -> str:
        return "Sequential(\n" + "".join(f"  {layer!r},\n" for layer in self.layers) + ")"


class Residual(Sequential):
    """``x + f(x)``: the derivative is 1 plus that of the layers, so a gradient also gets past them [13].

    Source: K. He and others, Deep residual learning for image recognition, 2015.

    >>> from bphelpers.nn import ReLU
    >>> Residual(ReLU())([[-1.0, 2.0]])
    array([[-1.,  4.]])
    """

    @property
    def body(self) -> Any:
        """The layers without the skip: ``self.body.backward(dout)``."""
        return super()

    def forward(self, x: Array) -> Array:
        x = self.entering(x)
        found = self.body.forward(x)
        if found.shape != x.shape:
            wanted = f"layers must keep the shape of x, {x.shape}, to be added to it"
            raise ValueError(f"{wanted}, got {found.shape}")
        return found + np.asarray(x, found.dtype)

    def backward(self, dout: Array) -> Array:
        dout = real("dout", dout)
        through = self.body.backward(dout)
        return through + np.asarray(dout, through.dtype)

    def __repr__(self) -> str:
        return f"Residual({', '.join(map(repr, self.layers))})"
