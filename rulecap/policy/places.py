"""Which character of a file each character of a YAML value was written as: through quotes, escapes and folding."""

import re

WHITESPACE = re.compile(r"([ \t]*)((?:\r\n|\r|\n)[ \t\r\n]*)?")
BREAK = re.compile(r"\r\n|\r|\n")
LINE = re.compile(r"([^\r\n]*)(\r\n|\r|\n|\Z)")
ESCAPE_WIDTHS = {"x": 4, "u": 6, "U": 10}


def content_places(raw: str, start: int, style: str | None, text: str) -> list[int]:
    """Return the index in `raw` of each character of a scalar's content, and of the end behind it.

    Args:
        raw: the whole file.
        start: the index where the scalar begins: its first character, its quote, its `|` or `>`.
        style: the quote or block indicator, none for a plain scalar.
        text: the scalar's content as the parser gave it.
    """
    if style in ("|", ">"):
        return _fit(_block_places(raw, start, text), text, start)
    begin = start + (style is not None)
    end = begin + len(text)
    # Most scalars are written on one line as they are.
    if "\n" not in text and raw.startswith(text, begin) and (style is None or not _special(style, raw, begin, end)):
        return list(range(begin, end + 1))
    return _fit(_flow_places(raw, begin, style, len(text)), text, start)


def _special(quote: str, raw: str, begin: int, end: int) -> bool:
    """Tell whether the raw content holds something that is written longer than it is."""
    return raw.find("\\" if quote == '"' else "'", begin, end) >= 0


def _fit(places: list[int], text: str, start: int) -> list[int]:
    """Return one place for each character and one for the end, whatever a strange text did to the count."""
    last = places[-1] if places else start
    return (places + [last] * (len(text) + 1 - len(places)))[: len(text) + 1]


def _flow_places(raw: str, index: int, quote: str | None, length: int) -> list[int]:
    """Return the places of a plain or quoted scalar that is folded or escaped."""
    places: list[int] = []
    while len(places) < length and index < len(raw):
        if raw[index] in " \t\r\n":
            index = _whitespace(raw, index, places)
        elif quote == '"' and raw[index] == "\\":
            index = _escape(raw, index, places)
        else:
            places.append(index)
            index += 2 if quote == "'" and raw[index] == "'" else 1
    return [*places, index]


def _whitespace(raw: str, index: int, places: list[int]) -> int:
    """Add the places of a run of whitespace: one line break is a space, further ones stand for themselves."""
    run = WHITESPACE.match(raw, index)
    assert run is not None  # the pattern matches the empty text
    if run[2] is None:
        places.extend(range(index, run.end()))
    else:
        breaks = [found.start() for found in BREAK.finditer(raw, index, run.end())]
        places.extend(breaks[1:] or breaks)
    return run.end()


def _escape(raw: str, index: int, places: list[int]) -> int:
    """Add the place of an escape; an escaped line break is nothing, the empty lines behind it are breaks."""
    run = WHITESPACE.match(raw, index + 1)
    assert run is not None  # the pattern matches the empty text
    if run[2] is not None and not run[1]:
        places.extend([found.start() for found in BREAK.finditer(raw, index, run.end())][1:])
        return run.end()
    places.append(index)
    return index + ESCAPE_WIDTHS.get(raw[index + 1 : index + 2], 2)


def _block_places(raw: str, start: int, text: str) -> list[int]:
    """Return the places of a literal or folded block, walking its lines and its content side by side."""
    line_start = _line(raw, start).end()
    indent = _block_indent(raw, line_start, text)
    places: list[int] = []
    breaks: list[int] = []
    while len(places) < len(text) and line_start < len(raw):
        line = _line(raw, line_start)
        depth = len(line[1]) - len(line[1].lstrip(" "))
        if depth < min(indent, len(line[1])):
            break  # the block ended, what is left of its content are trailing line breaks
        if indent < len(line[1]):
            places.extend(_between(breaks, text, len(places)))
            places.extend(range(line_start + indent, line.end(1)))
            breaks = []
        breaks.append(line.end(1))
        line_start = line.end()
    places.extend(breaks)
    return [*places[: len(text)], places[min(len(text), len(places)) - 1] + 1 if places else line_start]


def _line(raw: str, start: int) -> re.Match[str]:
    """Return the rest of a line and its end."""
    line = LINE.match(raw, start)
    assert line is not None  # the pattern matches the empty text
    return line


def _between(breaks: list[int], text: str, here: int) -> list[int]:
    """Return the places of what stands before a line of content: a space, all line breaks, or all but the first."""
    if text[here : here + 1] == " ":
        return breaks[:1]
    rest = text[here : here + len(breaks)]
    return breaks[len(breaks) - (len(rest) - len(rest.lstrip("\n"))) :]


def _block_indent(raw: str, line_start: int, text: str) -> int:
    """Return how far a block's lines are indented: what its first line of content has more than its value."""
    wanted = text.lstrip("\n")
    while line_start < len(raw):
        line = _line(raw, line_start)
        written = line[1].lstrip(" ")
        if written:
            return max(0, len(line[1]) - len(written) - (len(wanted) - len(wanted.lstrip(" "))))
        line_start = line.end()
    return 0
