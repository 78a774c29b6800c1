"""Let strict nbval compare numbers as numbers: load it with ``-p tools.nbval_numbers`` beside ``--nbval``.

nbval compares outputs character by character, but the last printed digit of a number may be another one on another
processor. Here outputs are compared line by line and token by token:

- text, and the number of lines, exactly. Only how many blanks stand between two tokens does not matter, for a column is
  as wide as its widest number, nor how long a ruled line is;
- a number with a decimal point or an exponent to within one unit of its last printed digit, as pytest's ``NUMBER``
  does for doctests. Of two numbers of as many digits, 9.99 and 10.0, the coarser unit counts, otherwise the finer;
- an integer exactly, unless its cell is tagged ``about`` and says how far it may move, and why (see `tolerance_of`).

What agrees in this sense is replaced by what is stored before nbval compares, so its report shows only what does not.
"""

from __future__ import annotations

import copy
import functools
import re
from collections import defaultdict
from decimal import Decimal

from nbval.plugin import IPyNbCell

# A number does not begin within a word (NRS1) or a longer number, and does not end within one (version 2.4.6).
_NUMBER = re.compile(
    r"(?<![\w.])(?:(?<![\w)\]])[-+\N{MINUS SIGN}])?"
    r"(?:(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?(?!\.?\d)"
)
_RULE = re.compile(r"[-=\N{BOX DRAWINGS LIGHT HORIZONTAL}]{2,}")
_ABOUT = re.compile(r"(?P<tolerance>0?\.\d+): (?P<reason>\S.*)")
LARGEST = Decimal("0.05")


def tolerance_of(cell):
    """How far the integers that a cell prints may move, relative to their size; 0 for a cell without the tag ``about``.

    The cell's metadata say it: ``tags=["about"] about="0.002: counts behind a threshold"``.

    Raises
    ------
    ValueError
        When tag and text do not come together, or the text is not a tolerance of at most five per cent and a reason.
    """
    text, tagged = cell.metadata.get("about"), "about" in cell.metadata.get("tags", [])
    if text is None and not tagged:
        return Decimal(0)
    match = _ABOUT.fullmatch(text or "")
    if not tagged or not match or not 0 < Decimal(match["tolerance"]) <= LARGEST:
        raise ValueError(
            f'a cell whose counts move needs tags=["about"] and about="0.002: why"; here are {tagged=} and {text!r}'
        )
    return Decimal(match["tolerance"])


def agree(stored, printed, tolerance=0):
    """Whether two printed numbers say the same: strings such as ``"6.02"``, ``"-1.2e-05"`` or ``"8,400"``."""
    plain = [number.replace(",", "").replace("\N{MINUS SIGN}", "-") for number in (stored, printed)]
    values = [Decimal(number) for number in plain]
    allowed = Decimal(tolerance) * abs(values[0])
    whole = [re.fullmatch(r"[-+]?\d+", number) is not None for number in plain]
    if whole[0] != whole[1] and values[0] == values[1]:
        return False  # 10 has become 10.0
    if not all(whole):
        digits = [len(value.as_tuple().digits) for value in values]
        units = [Decimal(1).scaleb(value.as_tuple().exponent) for value in values]
        allowed = max(units) if digits[0] == digits[1] else min(units)
    return abs(values[0] - values[1]) <= allowed


def _tokens(line):
    """Numbers, words, and whatever else stands between blanks, each with whether it is a number."""
    end = 0
    for match in _NUMBER.finditer(line):
        yield from ((word, False) for word in line[end : match.start()].split())
        yield match.group(), True
        end = match.end()
    yield from ((word, False) for word in line[end:].split())


def _same_line(stored, printed, tolerance):
    if stored == printed:
        return True
    ours, theirs = list(_tokens(stored)), list(_tokens(printed))
    return len(ours) == len(theirs) and all(
        agree(here, there, tolerance)
        if number and also
        else (here, number) == (there, also) or bool(_RULE.fullmatch(here) and _RULE.fullmatch(there))
        for (here, number), (there, also) in zip(ours, theirs, strict=True)
    )


def settle(stored, printed, tolerance=0):
    """The printed text with every line that agrees with the stored one replaced by it.

    Parameters
    ----------
    stored, printed : str
        Text or HTML. Anything else, and a text with another number of lines, is given back as it is.
    tolerance : Decimal or float
        Relative difference that integers may have.
    """
    if not (isinstance(stored, str) and isinstance(printed, str)):
        return printed
    ours, theirs = stored.splitlines(keepends=True), printed.splitlines(keepends=True)
    if len(ours) != len(theirs):
        return printed
    pairs = zip(ours, theirs, strict=True)
    return "".join(here if _same_line(here, there, tolerance) else there for here, there in pairs)


def _texts(outputs):
    """Where outputs hold what was shown: (mapping, key, what nbval calls it), in the order in which it compares."""
    for output in outputs:
        if output.output_type == "stream":
            yield output, "text", output.name
        else:
            yield from ((output.data, kind, kind) for kind in output.get("data", ()))


def _compare_outputs(cell, test, ref, skip_compare=None):
    """`IPyNbCell.compare_outputs`, with the printed outputs settled first."""
    tolerance, printed, stored = tolerance_of(cell.cell), copy.deepcopy(test), defaultdict(list)
    for held, key, kind in _texts(ref):
        if kind not in cell.parent.skip_compare:  # pictures, say, whose long lines would take the patterns minutes
            stored[kind].append(cell.sanitize(held[key]))
    for held, key, kind in _texts(printed):
        if stored[kind]:
            held[key] = settle(stored[kind].pop(0), cell.sanitize(held[key]), tolerance)
    return IPyNbCell.compare_outputs(cell, printed, ref, skip_compare)


def pytest_itemcollected(item):
    """Give each cell that nbval collects our comparison."""
    if isinstance(item, IPyNbCell):
        item.compare_outputs = functools.partial(_compare_outputs, item)
