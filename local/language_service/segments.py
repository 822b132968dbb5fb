"""Cut a text into the short token sequences that the entity model looks at, one at a time.

The cuts are *local*: whether a text is cut at a place depends only on the few dozen characters around it. So a slice of
a text is cut as the whole text is, but for its edges, and everything that the model says about a character depends on
nothing farther away than ``REACH`` characters. Whoever splits a long document with enough overlap gets, entity for
entity, what the whole document would have given.

Three rules, from strong to weak:

1. A text is always cut at a blank line, at a very wide gap and at the end of a sentence.
2. A stretch between two such cuts that is longer than ``MAX_SEQUENCE`` is cut on: at each gap that has no better one
   within ``CUT_WINDOW`` characters on either side (``POOR_CUT_WINDOW`` for a gap that may well lie inside a name),
   gaps nearer than ``CUT_WINDOW`` to the stretch's ends not counting at all.
3. What is still longer than ``MAX_SEQUENCE`` (only text made to be so) falls apart into single tokens.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple
from zlib import crc32

#: The longest sequence, in characters from its first token's start to its last token's end.
MAX_SEQUENCE = 128
#: How far rule 2 looks for a better place to cut, in characters.
CUT_WINDOW = 24
#: How far rule 2 looks before it takes a poor gap, one that names and addresses may have inside.
POOR_CUT_WINDOW = 48
#: A run of as many letters (or digits) is no word: each of its characters becomes a token.
LONG_RUN = 24
#: White space of as many characters is a cut of rule 1.
WIDE_GAP = 12
#: What is found at a place depends on no character farther away than this: a sequence; the window that decides where it
#: ends, and the one that decides which gaps count in that window; a word and a gap at that window's edge.
REACH = MAX_SEQUENCE + POOR_CUT_WINDOW + CUT_WINDOW + LONG_RUN + WIDE_GAP

# Thai to Lao, Myanmar, Khmer, kana, Han: scripts written without spaces, where each character becomes a token.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
# Combining marks of the scripts most likely to appear decomposed; a mark left out only becomes a token of its own.
_MARKS = "\u0300-\u036f\u064b-\u065f\u0900-\u0903\u093a-\u094f"
_TOKEN = re.compile(rf"[{_UNSPACED}]|(?:[^\W\d_{_UNSPACED}][{_MARKS}]*)+|\d+|[^\w\s]|_|\w")
_LINE_END = re.compile(r"\r\n|[\n\r\v\f\u0085\u2028\u2029]")

#: Gaps of this rank and above are poor: names, numbers and addresses have gaps like these inside.
_POOR = 16
_CLOSING = frozenset("\"'”’»)]")
_SENTENCE_MARKS = frozenset(".!?…")
_FULL_WIDTH_MARKS = frozenset("。！？｡।")
_DASHES = frozenset("-–—")


class Token(NamedTuple):
    """A word, a number or a single other character; offsets are code points from the start of the text."""

    text: str
    start: int
    end: int
    #: White space before the token: "" (none), " " (on the same line), "\t" (a tab or a wide gap), "\n" (a line end),
    #: or "\n\n" where the text is cut by rule 1.
    gap: str


def sequences(text: str) -> Iterator[list[Token]]:
    """Yield the token sequences of ``text`` in order; together they hold each of its tokens once."""
    pending: list[Token] = []
    for token in tokens(text):
        if pending and (token.gap == "\n\n" or _ends_sentence(pending, token)):
            yield from _split(pending)
            pending = []
        pending.append(token)
    if pending:
        yield from _split(pending)


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of ``text``."""
    end = 0
    for match in _TOKEN.finditer(text):
        start, gap = match.start(), ""
        if start > end:
            gap = _gap(text[end:start])
        end = match.end()
        if end - start < LONG_RUN:
            yield Token(match.group(), start, end, gap)
        else:
            for i in range(start, end):
                yield Token(text[i], i, i + 1, gap)
                gap = ""


def _gap(space: str) -> str:
    if space == " ":
        return space
    if len(space) >= WIDE_GAP:
        return "\n\n"
    line_ends = len(_LINE_END.findall(space))
    if line_ends:
        return "\n" if line_ends == 1 else "\n\n"
    return "\t" if "\t" in space or len(space) >= 3 else " "


def _ends_sentence(before: list[Token], token: Token) -> bool:
    """Decide whether a sentence ends between the tokens ``before`` and ``token``.

    A full stop after a capitalised word (Inc., Dr., St.) is no sure end; rule 2 may still cut there.
    """
    last = len(before) - 1
    if before[last].text in _FULL_WIDTH_MARKS:
        return True
    if not token.gap or token.text[0].islower():
        return False
    if last > 0 and before[last].text in _CLOSING:
        last -= 1
    mark = before[last].text
    if mark not in _SENTENCE_MARKS:
        return False
    if mark != ".":
        return True
    word = before[last - 1].text if last > 0 else ""
    if not word or word.isdecimal():
        return bool(word)
    return (len(word) > 2 and not word[0].isupper()) or word in _CLOSING or word == "%"


def _split(run: list[Token]) -> Iterator[list[Token]]:
    """Apply rules 2 and 3 to the tokens between two cuts of rule 1."""
    if run[-1].end - run[0].start <= MAX_SEQUENCE:
        yield run
        return
    first = 0
    for cut in [*_cuts(run), len(run)]:
        if run[cut - 1].end - run[first].start <= MAX_SEQUENCE:
            yield run[first:cut]
        else:
            for i in range(first, cut):
                yield [run[i]]
        first = cut


def _cuts(run: list[Token]) -> Iterator[int]:
    """Yield the index of each token of ``run`` before which rule 2 cuts; of equally good gaps, every one."""
    begin, end = run[0].start + CUT_WINDOW, run[-1].end - CUT_WINDOW
    gaps = [(run[i].start, _rank(run[i - 1], run[i]), i) for i in range(1, len(run)) if begin < run[i].start < end]
    for n, (place, rank, i) in enumerate(gaps):
        window = CUT_WINDOW if rank < _POOR else POOR_CUT_WINDOW
        left = n - 1
        while left >= 0 and place - gaps[left][0] <= window and gaps[left][1] >= rank:
            left -= 1
        if left >= 0 and place - gaps[left][0] <= window:
            continue
        right = n + 1
        while right < len(gaps) and gaps[right][0] - place <= window and gaps[right][1] >= rank:
            right += 1
        if right == len(gaps) or gaps[right][0] - place > window:
            yield i


def _rank(before: Token, after: Token) -> int:
    """Rate the gap between two tokens: the lower, the better a place to cut; equal gaps are told apart by the words."""
    if after.gap == "\n":
        return 1
    if after.gap:
        if before.text == ";":
            return 2
        next_is_lower = after.text[0].islower()
        if next_is_lower and (before.text in ",)" or before.text in _DASHES):
            return 3
        level = 1 if next_is_lower and before.text[0].islower() else 2
    else:
        level = 3
    return level * 8 + (crc32(f"{before.text} {after.text}".encode("utf-8", "surrogatepass")) & 7)
