"""Formulas as MathML, which browsers draw without any library. A line may break where a newline stands.

>>> print(symbol("z", "1", "2") + EQUALS + number(0.3775))
<msubsup><mi>z</mi><mrow><mn>2</mn></mrow><mrow><mo>(</mo><mn>1</mn><mo>)</mo></mrow></msubsup>
<mo form="infix">=</mo><mn>0.3775</mn>
"""

import html
from collections.abc import Iterable

from bphelpers.teaching import numbers
from bphelpers.teaching.numbers import MINUS

# A sign that begins a line has to be told that it stands between two things.
EQUALS, BECOMES, PLUS, LESS = (f'\n<mo form="infix">{sign}</mo>' for sign in ("=", "←", "+", MINUS))
NEGATIVE = f'<mo form="prefix">{MINUS}</mo>'
TIMES, DOTS = "<mo>·</mo>", "<mo>⋯</mo>"
ONE, TWO = "<mn>1</mn>", "<mn>2</mn>"
COMMA = "<mo>,</mo>\n"
SUM_OVER_N = "<munder><mo>∑</mo><mi>n</mi></munder>"


def number(value: float) -> str:
    """A number with six significant digits."""
    mantissa, _, exponent = numbers.number(value, style="sentence").partition(numbers.POWER)
    if not exponent:
        return _signed(mantissa)
    return f"{_signed(mantissa)}{TIMES}<msup><mn>10</mn>{_row(_signed(exponent))}</msup>"


def _signed(digits: str) -> str:
    return NEGATIVE * digits.startswith(MINUS) + f"<mn>{digits.removeprefix(MINUS)}</mn>"


def factor(shown: str) -> str:
    """In parentheses, if it is a number whose sign would be misread here."""
    return parens(shown) if shown.startswith(("<mn>", NEGATIVE)) and "<mo" in shown else shown


def product(*factors: str) -> str:
    """Factors with dots between."""
    return TIMES.join(map(factor, factors))


def total(terms: Iterable[str], most: int | None = None) -> str:
    """Terms with plus signs between; beyond ``most`` of them, dots."""
    terms = list(terms)
    if most is not None and len(terms) > most:
        terms = [*terms[: most - 1], DOTS]
    return PLUS.join(terms)


def symbol(name: str, layer: str = "", index: str = "", *, hat: bool = False) -> str:
    """A letter with its layer in parentheses above and its index below."""
    letter = f"<mi>{html.escape(name)}</mi>"
    if hat:
        letter = f'<mover accent="true">{letter}<mo>^</mo></mover>'
    above = f"<mrow><mo>(</mo><mn>{layer}</mn><mo>)</mo></mrow>" if layer else ""
    below = f"<mrow>{''.join(map(_sign, index))}</mrow>" if index else ""
    tag = f"m{'sub' * bool(below)}{'sup' * bool(above)}"
    return letter if tag == "m" else f"<{tag}>{letter}{below}{above}</{tag}>"


def _sign(sign: str) -> str:
    tag = "mn" if sign.isdigit() else "mo" if sign in ",=" else "mi"
    return f"<{tag}>{html.escape(sign)}</{tag}>"


def fraction(above: str, below: str) -> str:
    """One over the other."""
    return f"<mfrac>{_row(above)}{_row(below)}</mfrac>"


def power(base: str, exponent: str) -> str:
    """Base to the exponent."""
    return f"<msup>{_row(base)}{_row(exponent)}</msup>"


def _row(inside: str) -> str:
    return f"<mrow>{inside}</mrow>".replace("\n", "")


def parens(inside: str) -> str:
    """The same in parentheses; lines still break inside."""
    return f"<mo>(</mo>{inside}<mo>)</mo>"


def call(function: str, argument: str) -> str:
    """A function of an argument, for example σ, or its derivative, σ'."""
    name = f"<mi>{function.removesuffix(chr(39))}</mi>"
    return name + "<mo>′</mo>" * function.endswith("'") + parens(argument)
