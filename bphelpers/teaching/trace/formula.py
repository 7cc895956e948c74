"""A formula written once, read twice: as LaTeX and as MathML, which browsers draw without any library.

A `Formula` is a row of parts. Parts are where a line may break, so a long sum fits a narrow page.

>>> f = symbol("z", "1", "1") + equals() + number(0.3775)
>>> f.latex
'z^{(1)}_{1} = 0.3775'
>>> f.parts[1].mathml
'<mo form="infix">=</mo><mn>0.3775</mn>'
"""

import html
import math
from collections.abc import Iterable
from dataclasses import dataclass

SIGNIFICANT = 6  # digits shown: few enough to be the same with any BLAS
MINUS = "\N{MINUS SIGN}"
_SIGN = f'<mo form="prefix">{MINUS}</mo>'


@dataclass(frozen=True)
class Part:
    """A piece that stays on one line."""

    latex: str
    mathml: str


@dataclass(frozen=True)
class Formula:
    """Parts in a row. Formulas are joined with ``+``."""

    parts: tuple[Part, ...]

    def __add__(self, other: "Formula") -> "Formula":
        """Put `other` behind; it begins a new part only if it is a sign at which a line may break."""
        if not self.parts or not other.parts:
            return Formula(self.parts + other.parts)
        (*before, last), (first, *after) = self.parts, other.parts
        if isinstance(first, _Break):
            return Formula((*before, last, first, *after))
        joined = type(last)(_spaced(last.latex, first.latex), last.mathml + first.mathml)
        return Formula((*before, joined, *after))

    @property
    def latex(self) -> str:
        """The whole as LaTeX, without dollar signs."""
        return " ".join(part.latex for part in self.parts)

    @property
    def mathml(self) -> str:
        """The whole as the inside of one ``<math>`` element."""
        return "".join(part.mathml for part in self.parts)


class _Break(Part):
    """A part before which a line may break."""


def _spaced(left: str, right: str) -> str:
    return f"{left} {right}"


def digits(value: float) -> str:
    """A number as plain text with six significant digits, for a sentence or a label.

    >>> digits(-0.0380982), digits(2.0), digits(1.25e-7), digits(-0.0)
    ('−0.0380982', '2', '1.25 × 10^−7', '0')
    """
    mantissa, exponent = _split(value)
    text = mantissa.replace("-", MINUS)
    return text if exponent is None else f"{text} × 10^{exponent}".replace("-", MINUS)


def _split(value: float) -> tuple[str, int | None]:
    text = f"{float(value):.{SIGNIFICANT}g}"
    mantissa, _, exponent = text.partition("e")
    if mantissa == "-0":
        mantissa = "0"
    return mantissa, int(exponent) if exponent else None


def number(value: float) -> Formula:
    """A number with six significant digits."""
    mantissa, exponent = _split(value)
    negative = mantissa.startswith("-")
    mathml = (_SIGN if negative else "") + f"<mn>{mantissa.lstrip('-')}</mn>"
    if exponent is None:
        return _one(mantissa, mathml)
    sign = _SIGN if exponent < 0 else ""
    power = f"<msup><mn>10</mn><mrow>{sign}<mn>{abs(exponent)}</mn></mrow></msup>"
    return _one(rf"{mantissa} \cdot 10^{{{exponent}}}", f"{mathml}<mo>·</mo>{power}")


def factor(value: float) -> Formula:
    """A number where a sign in front of it would be misread: negative ones stand in parentheses."""
    plain = math.copysign(1.0, value) > 0 or value == 0
    return number(value) if plain and _split(value)[1] is None else parens(number(value))


def symbol(name: str, layer: str = "", index: str = "", *, hat: bool = False) -> Formula:
    """A letter with its layer in parentheses above and its index below. Greek letters by their own sign."""
    latex, mathml = _letter(name)
    if hat:
        latex, mathml = rf"\hat {latex}", f'<mover accent="true">{mathml}<mo>^</mo></mover>'
    latex += f"^{{({layer})}}" if layer else ""
    latex += f"_{{{index}}}" if index else ""
    above, below = f"<mrow><mo>(</mo><mn>{layer}</mn><mo>)</mo></mrow>", _index(index)
    if layer and index:
        mathml = f"<msubsup>{mathml}{below}{above}</msubsup>"
    elif layer or index:
        mathml = f"<msup>{mathml}{above}</msup>" if layer else f"<msub>{mathml}{below}</msub>"
    return _one(latex, mathml)


_GREEK = {"δ": r"\delta", "η": r"\eta", "σ": r"\sigma", "∂": r"\partial"}


def _letter(name: str) -> tuple[str, str]:
    if name in _GREEK:
        return _GREEK[name], f"<mi>{name}</mi>"
    return (name if len(name) == 1 else rf"\mathrm{{{name}}}"), f"<mi>{html.escape(name)}</mi>"


def _index(index: str) -> str:
    signs = (
        f"<mn>{c}</mn>" if c.isdigit() else f"<mo>{c}</mo>" if c in ",=" else f"<mi>{html.escape(c)}</mi>"
        for c in index
    )
    return f"<mrow>{''.join(signs)}</mrow>"


def partial(of: Formula, by: Formula) -> Formula:
    r"""The fraction :math:`\partial\,of/\partial\,by`."""
    d = symbol("∂")
    return fraction(d + of, d + by)


def fraction(above: Formula, below: Formula) -> Formula:
    """One over the other."""
    mathml = f"<mfrac><mrow>{above.mathml}</mrow><mrow>{below.mathml}</mrow></mfrac>"
    return _one(rf"\frac{{{above.latex}}}{{{below.latex}}}", mathml)


def parens(inside: Formula) -> Formula:
    """The same in parentheses; lines still break inside."""
    return _one("(", "<mo>(</mo>") + inside + _one(")", "<mo>)</mo>")


def power(base: Formula, exponent: Formula) -> Formula:
    """Base to the exponent."""
    mathml = f"<msup><mrow>{base.mathml}</mrow><mrow>{exponent.mathml}</mrow></msup>"
    return _one(f"{base.latex}^{{{exponent.latex}}}", mathml)


def call(function: str, argument: Formula) -> Formula:
    """A function of an argument: sigmoid is σ, the others keep their names."""
    latex, mathml = {
        "σ": (r"\sigma", "<mi>σ</mi>"),
        "σ'": (r"\sigma'", "<mi>σ</mi><mo>′</mo>"),
        "tanh": (r"\tanh", "<mi>tanh</mi>"),
        "tanh'": (r"\tanh'", "<mi>tanh</mi><mo>′</mo>"),
        "log": (r"\log", "<mi>log</mi>"),
    }.get(function) or (
        rf"\mathrm{{{function.rstrip(chr(39))}}}" + ("'" if function.endswith("'") else ""),
        f"<mi>{function.rstrip(chr(39))}</mi>" + ("<mo>′</mo>" if function.endswith("'") else ""),
    )
    return _one(latex, mathml) + parens(argument)


def sum_over(index: str) -> Formula:
    """A summation sign with its index."""
    return _one(rf"\sum_{{{index}}}", f"<munder><mo>∑</mo><mi>{index}</mi></munder>")


def equals() -> Formula:
    """An equals sign; the line may break before it."""
    return _between("=", "=")


def becomes() -> Formula:
    """An arrow to the left: the new value of what stands there."""
    return _between(r"\leftarrow", "←")


def plus() -> Formula:
    """A plus sign; the line may break before it."""
    return _between("+", "+")


def minus() -> Formula:
    """A minus sign; the line may break before it."""
    return _between("-", MINUS)


def negative() -> Formula:
    """A sign in front of what follows."""
    return _one("-", _SIGN)


def times() -> Formula:
    """A dot."""
    return _one(r"\cdot", "<mo>·</mo>")


def dots() -> Formula:
    """What is left out of a long sum."""
    return _one(r"\cdots", "<mo>⋯</mo>")


def listed(items: Iterable[Formula]) -> Formula:
    """Numbers in parentheses with commas; lines break after commas."""
    row = _one("(", "<mo>(</mo>")
    for k, item in enumerate(items):
        if k:
            row += _one(",", "<mo>,</mo>")
            first, *rest = item.parts
            item = Formula((_Break(first.latex, first.mathml), *rest))
        row += item
    return row + _one(")", "<mo>)</mo>")


def total(terms: Iterable[Formula], most: int | None = None) -> Formula:
    """Terms with plus signs between; beyond `most` of them, dots."""
    terms = list(terms)
    if most is not None and len(terms) > most:
        terms = [*terms[: most - 1], dots()]
    row = terms[0]
    for term in terms[1:]:
        row = row + plus() + term
    return row


def _between(latex: str, sign: str) -> Formula:
    # As it begins a part, it has to be told that it stands between two things.
    return Formula((_Break(latex, f'<mo form="infix">{sign}</mo>'),))


def _one(latex: str, mathml: str) -> Formula:
    return Formula((Part(latex, mathml),))
