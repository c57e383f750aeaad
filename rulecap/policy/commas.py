"""The traps of YAML's braces: a comma inside a formula's parentheses, or in a number, ends the text.

`{at_most: max(a, b)}` is, to YAML, `at_most: max(a` and an empty key `b)`; `{size: 0,5}` is `size: 0` and an empty key
`5`; `{below:5%}` is an empty key, `{is: BTC, ETH}` another. The reader says so, once, instead of reporting half a
formula and an unknown key.
"""

import re

from rulecap.policy.nodes import Node, Scalar, Sequence, problem_at
from rulecap.policy.scalars import NotANumber, plain_value
from rulecap.problems import Problem

WHOLE = re.compile(r"[-+]?\d+\Z")
GROUP, REST = re.compile(r"\d{3}\Z"), re.compile(r"(?P<digits>\d+)(?P<behind>(?:\.\d+)?\s?(?:%|[A-Za-z]{1,4})?)\Z")
A_KEY, NAME = re.compile(r"[a-z][a-z0-9_]*\Z"), re.compile(r"[A-Z][A-Z0-9_]*\Z")
QUOTED = re.compile(r"(?P<quote>[\"'])(?P<text>[^\"'\\\\]*)(?P=quote)\Z")
CLOSE_COLON = re.compile(r"(?P<key>[a-z][a-z0-9_]*):\s*(?P<value>\S.*)\Z")


def join_at_commas(children: list[Node]) -> tuple[list[Node], list[Problem]]:
    """Return a flow mapping's keys and values without the leftovers of a value that a comma cut, and the findings."""
    kept: list[Node] = []
    problems: list[Problem] = []
    index = 0
    while index < len(children):
        kept += children[index : index + 2]
        value = children[index + 1]
        if _is_empty(value) and (close := _close_colon(children[index])):
            problems.append(close)
            kept[-2:] = _entry_meant(children[index])
        index += 2
        end = _end_of_cut(children, index, _left_open(value))
        if end > index:
            problems.append(_cut(value, children[end - 2]))
            index = end
        elif number := _cut_number(value, children, index):
            problems.append(number)
            while index < len(children) and _is_empty(children[index + 1]) and _digits(children[index]):
                index += 2
        elif (end := _end_of_words(value, children, index)) > index:
            problems.append(_cut(value, children[end - 2]))
            kept[-1] = _meant(value, children[index:end:2])
            index = end
    return kept, problems


def _end_of_cut(children: list[Node], index: int, left_open: int) -> int:
    """Return the index behind the keys without a value that close what a value left open, or `index`."""
    end = index
    while left_open > 0 and end < len(children) and _is_empty(children[end + 1]):
        left_open += _left_open(children[end])
        end += 2
    return end if left_open == 0 else index


def _end_of_words(value: Node, children: list[Node], index: int) -> int:
    """Return the index behind the keys without a value that a comma cut off a sentence or a list, or `index`.

    One alone that may be the name of a key is a key whose value was forgotten.
    """
    if not isinstance(value, Scalar) or value.style is not None or not value.text:
        return index
    end = index
    while end < len(children) and _is_empty(children[end + 1]) and not _has_value(children[end]):
        end += 2
    words = [node.text for node in children[index:end:2] if isinstance(node, Scalar) and node.style is None]
    return end if any(not A_KEY.match(word) for word in words) and len(words) == (end - index) // 2 else index


def _has_value(key: Node) -> bool:
    """Tell whether a key without a value is part of a number, or has its value behind a colon without a space."""
    return bool(_digits(key)) or _close_colon(key) is not None


def _meant(value: Node, behind: list[Node]) -> Node:
    """Return the list of names that was meant, so that it is not found to be none as well; a sentence as it is."""
    assert isinstance(value, Scalar)  # only texts are cut
    items = (value, *behind)
    names = all(isinstance(one, Scalar) and NAME.match(one.text) for one in items)
    return Sequence(items, value.source, value.line, value.column) if names else value


def _left_open(node: Node) -> int:
    """Return how many more parentheses a text without quotes opens than it closes."""
    if not isinstance(node, Scalar) or node.style is not None:
        return 0
    return node.text.count("(") - node.text.count(")")


def _is_empty(node: Node) -> bool:
    """Tell whether nothing is written."""
    return isinstance(node, Scalar) and node.style is None and not node.text


def _cut(value: Node, last: Node) -> Problem:
    """Return the finding at the comma that cut a value."""
    assert isinstance(value, Scalar) and isinstance(last, Scalar)  # only texts are cut and only texts are leftovers
    text = value.source.text
    begin = value.source.index(value.line, value.column)
    whole = text[begin : last.source.index(last.line, last.column) + len(last.text)]
    message = f"inside braces the comma ends the text `{value.text}`"
    hint = f"write [{whole}]" if all(map(NAME.match, re.split(", *", whole))) else f'put it in quotes: "{whole}"'
    return problem_at(value, "yaml-syntax", message, hint, offset=len(value.text))


def _cut_number(value: Node, children: list[Node], index: int) -> Problem | None:
    """Return the finding that a comma within a number cut it: keys of digits without a value stand behind."""
    if not isinstance(value, Scalar) or value.style is not None or not WHOLE.match(value.text):
        return None
    behind: list[str] = []
    while index < len(children) and _is_empty(children[index + 1]) and (digits := _digits(children[index])):
        behind.append(digits)
        index += 2
    if not behind:
        return None
    last = REST.match(behind[-1])
    grouped = all(GROUP.match(one) for one in behind[:-1]) and last is not None and GROUP.match(last["digits"])
    whole = value.text + ("" if grouped else ".") + "".join(behind)
    message = f"inside braces the comma ends the number `{value.text}`"
    return problem_at(value, "yaml-syntax", message, f"write {whole}", offset=len(value.text))


def _digits(node: Node) -> str:
    return node.text if isinstance(node, Scalar) and node.style is None and REST.match(node.text) else ""


def _close_colon(key: Node) -> Problem | None:
    found = CLOSE_COLON.match(key.text) if isinstance(key, Scalar) and key.style is None else None
    if not found:
        return None
    message = f"behind `{found['key']}:` a space is missing"
    return problem_at(key, "yaml-syntax", message, f"write {found['key']}: {found['value']}")


def _entry_meant(key: Node) -> tuple[Node, Node]:
    """Return the key and the value that a text without a space behind its colon was to be: neither is missing."""
    assert isinstance(key, Scalar)  # only a text is found to be one
    found = CLOSE_COLON.match(key.text)
    assert found is not None  # it was looked at
    text, place = found["value"], key.at(found.start("value"))
    quoted = QUOTED.match(text)
    name = Scalar(found["key"], found["key"], key.source, key.line, key.column)
    if quoted:
        return name, Scalar(quoted["text"], quoted["text"], key.source, place.line, place.column, quoted["quote"])
    try:
        value = plain_value(text)
    except NotANumber:  # which is said once the space is there
        value = 0
    return name, Scalar(value, text, key.source, place.line, place.column)
