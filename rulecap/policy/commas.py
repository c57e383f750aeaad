"""The trap of YAML's braces: a comma inside a formula's parentheses ends the text.

`{at_most: max(a, b)}` is, to YAML, `at_most: max(a` and an empty key `b)`. The reader says so, once, instead of
reporting half a formula and an unknown key.
"""

from rulecap.policy.nodes import Node, Scalar, problem_at
from rulecap.problems import Problem


def join_at_commas(children: list[Node]) -> tuple[list[Node], list[Problem]]:
    """Return a flow mapping's keys and values without the leftovers of a value that a comma cut, and the findings."""
    kept: list[Node] = []
    problems: list[Problem] = []
    index = 0
    while index < len(children):
        kept += children[index : index + 2]
        value = children[index + 1]
        index += 2
        end = _end_of_cut(children, index, _left_open(value))
        if end > index:
            problems.append(_cut(value, children[end - 2]))
            index = end
    return kept, problems


def _end_of_cut(children: list[Node], index: int, left_open: int) -> int:
    """Return the index behind the keys without a value that close what a value left open, or `index`."""
    end = index
    while left_open > 0 and end < len(children) and _is_empty(children[end + 1]):
        left_open += _left_open(children[end])
        end += 2
    return end if left_open == 0 else index


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
    return problem_at(value, "yaml-syntax", message, f'put it in quotes: "{whole}"', offset=len(value.text))
