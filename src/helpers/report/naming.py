"""Names of LaTeX macros, which may hold nothing but letters, and numbers as they are printed."""

import re
import unicodedata
from typing import Any

from helpers.figures.export import escape_latex

DIGITS = ("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")
AGAIN = ("", "", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth", "Ninth")
SYMBOLS = {
    "−": r"\ensuremath{-}",
    "×": r"\ensuremath{\times}",
    "≤": r"\ensuremath{\leq}",
    "≥": r"\ensuremath{\geq}",
    "≈": r"\ensuremath{\approx}",
    "→": r"\ensuremath{\rightarrow}",
    "∞": r"\ensuremath{\infty}",
    "<": r"\ensuremath{<}",
    ">": r"\ensuremath{>}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
}


def camel(text: str) -> str:
    """Words of a text joined with capitals, digits spelt out: "top1" is "TopOne".

    A point between digits becomes "Point". Accents are dropped, and so is all that is no letter.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    plain = re.sub(r"(?<=\d)\.(?=\d)", " point ", plain)
    words = re.findall(r"[A-Za-z]+|\d", plain)
    return "".join(DIGITS[int(w)] if w.isdigit() else w[0].upper() + w[1:] for w in words)


class Namer:
    """Gives each thing a macro's name of its own: the same things in one order, the same names.

    Two things whose letters agree are told apart by a word behind the second one's name.
    """

    def __init__(self, prefix: str):
        self.prefix = camel(prefix) or "Run"
        self.taken: dict[str, int] = {}

    def name(self, *parts: str) -> str:
        """The macro's name, without its backslash."""
        wanted = self.prefix + "".join(camel(part) for part in parts)
        count = self.taken[wanted] = self.taken.get(wanted, 0) + 1
        if count == 1:
            return wanted
        return self.name(*parts, AGAIN[count] if count < len(AGAIN) else f"number {count}")


def print_number(value: Any) -> str:
    """A number as a report prints it, in LaTeX; what is no finite number is a dash.

    Whole numbers above 1 are counts and are printed in full, others to three decimals, from 100 on
    to one and from 1000 on to none; what would come out as 0.000 is printed as a power of ten.
    """
    if value is None or value != value or value in (float("inf"), float("-inf")):
        return "--"
    size = abs(value)
    if isinstance(value, int) or (float(value).is_integer() and size > 1):
        digits = f"{size:,.0f}"
    elif 0 < size < 0.0005:
        factor, power = f"{size:.1e}".split("e")
        digits = rf"\ensuremath{{{factor}\times 10^{{{int(power)}}}}}"
    else:
        digits = f"{size:,.{3 if size < 99.95 else 1 if size < 999.5 else 0}f}"
    digits = digits.replace(",", r"\,")
    return rf"\ensuremath{{-}}{digits}" if value < 0 else digits


def latex_text(text: str) -> str:
    """Text for pdflatex: special characters stand for themselves, signs it has not are spelt out.

    What the T1 fonts do not have (letters beyond Latin) is shown by its code, [U+8F66], so that
    the report compiles and the gap is seen.
    """
    return "".join(map(_sign, text))


def _sign(sign: str) -> str:
    if sign in SYMBOLS:
        return SYMBOLS[sign]
    if sign.isascii():
        return escape_latex(sign)
    if sign in "–—…·°±²³µ‘’“”„€§" or "\u00a1" <= sign <= "\u017f":
        return sign
    plain = unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode()
    return escape_latex(plain) if plain else f"[U+{ord(sign):04X}]"
