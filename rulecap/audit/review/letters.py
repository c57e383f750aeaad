"""Letters that a picture's font lacks: it would draw one and the same box for each of them."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def lacking(figure: Any) -> str:
    """Return the letters in a figure of matplotlib's that its font lacks, each once."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    font = get_font(findfont(FontProperties()))
    letters = dict.fromkeys(letter for text in _texts(figure) for letter in text.get_text())
    return "".join(letter for letter in letters if letter.isprintable() and not font.get_char_index(ord(letter)))


def write_codes(figure: Any, letters: str) -> None:
    """Put the code of each of these letters in its place: names that differ are not to look the same."""
    codes = {ord(letter): letter.encode("unicode_escape").decode() for letter in letters}
    for text in _texts(figure):
        text.set_text(text.get_text().translate(codes))


@contextmanager
def as_text() -> Iterator[None]:
    """Write letters into an SVG as such, for whoever opens it to draw with a font of his own."""
    import matplotlib as mpl

    with mpl.rc_context({"svg.fonttype": "none"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # it is asked for their width alone
        yield


def _texts(figure: Any) -> Any:
    from matplotlib.text import Text

    return figure.findobj(Text)
