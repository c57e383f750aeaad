"""A policy's text, read: what its values are, where they stand, and what is said of a text that cannot be one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulecap.location import Location
from rulecap.policy.document import MOST_BYTES, parse_document
from rulecap.policy.nodes import Mapping, Scalar, Sequence, plain, problem_at
from rulecap.policy.parsers import FastParser, PureParser
from tests.patience import patience

PARSERS = pytest.mark.parametrize("parser", [FastParser, PureParser], ids=["fast", "pure"])


def read(text, parser=None):
    node, problems = parse_document(text, "p.yaml", parser)
    assert problems == []
    return node


def found(text, parser=None):
    """Return each finding's code, line and column."""
    _, problems = parse_document(text, "p.yaml", parser)
    assert all(problem.location.file == "p.yaml" for problem in problems)
    return [(problem.code, problem.location.line, problem.location.column) for problem in problems]


def only(text, parser=None):
    _, [problem] = parse_document(text, "p.yaml", parser)
    return problem


@PARSERS
@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("off", "off"), ("y", "y"), ("none", "none"), ("NO", "NO"),
        ("true", True), ("True", True), ("TRUE", True), ("false", False), ("False", False), ("FALSE", False),
        ("tRUE", "tRUE"), ("", None), ("~", None), ("null", None), ("Null", None), ("NULL", None), ("nULL", "nULL"),
        ("010", 10), ("0o10", 8), ("0o8", "0o8"), ("0x1F", 31), ("0x", "0x"), ("0xg", "0xg"), ("-0x1", "-0x1"),
        ("5", 5), ("-5", -5), ("+5", 5), ("1_000", "1_000"), ("0b1", "0b1"),
        ("0.70", 0.7), (".5", 0.5), ("5.", 5.0), ("1e3", 1000.0), ("1E-3", 0.001), ("+.5e+1", 5.0), (".", "."),
        ("-", "-"), ("1.0.0", "1.0.0"), ("1e", "1e"), ("e3", "e3"), ("1e3x", "1e3x"), ("٣", "٣"),
        ("5%", "5%"), ("10bp", "10bp"), ("3x", "3x"), ("24h", "24h"), ("100 USD", "100 USD"),
        ("12:30", "12:30"), ("2026-01-01", "2026-01-01"), ("=", "="), ("<<", "<<"), ("a ? b", "a ? b"),
        ('"5"', "5"), ("'true'", "true"), ('""', ""), ("!!str 5", "5"), ("!!float 5", 5.0), ("!!int 5", 5),
        ("!!null ~", None), ("!!bool true", True), ("! 5", "5"), ("9" * 40, int("9" * 40)),
    ],
)  # fmt: skip
def test_a_value_means_what_it_looks_like(written, value, parser):
    node = read(f"key: {written}" if written != "-" else "key: '-'", parser).get("key")
    assert node.value == value
    assert type(node.value) is type(value)


def test_a_scalar_keeps_its_text():
    node = read("a: 0.70\nb: '5%'\nc: 1e3\nd: ~\ne:\n")
    assert [value.text for _, value in node.items()] == ["0.70", "5%", "1e3", "~", ""]
    assert [value.style for _, value in node.items()] == [None, "'", None, None, None]


@PARSERS
def test_nodes_know_their_place(parser):
    text = "# comment\nrules:\n  drawdown:\n    cases:\n      - {name: LIGHT, below: 10%}\n      - [a, 'b']\n"
    root = read(text, parser)
    drawdown = root.get("rules").get("drawdown")
    cases = drawdown.get("cases")
    light, names = cases.items
    assert isinstance(root, Mapping)
    assert isinstance(cases, Sequence)
    assert root.location == Location("p.yaml", 2, 1)
    assert root.key("rules").location == Location("p.yaml", 2, 1)
    assert drawdown.location == drawdown.key("cases").location == Location("p.yaml", 4, 5)
    assert cases.location == Location("p.yaml", 5, 7)
    assert light.location == Location("p.yaml", 5, 9)
    assert light.get("below").location == Location("p.yaml", 5, 30)
    assert names.location == Location("p.yaml", 6, 9)
    assert [item.location.column for item in names.items] == [10, 14]
    assert light.source.line(light.line) == "      - {name: LIGHT, below: 10%}"


def test_a_mapping_is_read_by_its_keys():
    node = read("{a: 1, b: [2, {c: d}]}")
    assert "a" in node
    assert "c" not in node
    assert node.get("c") is None
    assert node.key("c") is None
    assert [name for name, _ in node.items()] == ["a", "b"]
    assert plain(node) == {"a": 1, "b": [2, {"c": "d"}]}


def test_anchors_and_tags_do_not_move_a_value():
    node = read("a: &x !!str   5%\nb: !!str &y\n  # comment\n  6%\nc: *x\nd: &z\n")
    assert [(value.text, value.line, value.column) for _, value in node.items()] == [
        ("5%", 1, 15), ("6%", 4, 3), ("5%", 1, 15), ("", 6, 3),
    ]  # fmt: skip


@PARSERS
def test_line_ends_of_every_system_count_as_one(parser):
    for end in ("\n", "\r\n", "\r"):
        node = read(f"a: 1{end}b: |{end}  x{end}  y{end}c: 2{end}", parser)
        assert node.get("b").text == "x\ny\n"
        assert node.get("b").at(2) == Location("p.yaml", 4, 3)
        assert node.get("c").location == Location("p.yaml", 5, 4)
        assert node.get("c").source.line(node.get("c").line) == "c: 2"


def test_columns_count_characters_and_a_byte_order_mark_is_none():
    text = "\ufeffé: '😀é' # x\n"
    for written in (text, text.encode()):
        assert read(written).get("é").at(1) == Location("p.yaml", 1, 6)


@pytest.mark.parametrize(
    ("text", "offset", "line", "column"),
    [
        ("a: max(x, 5)", 7, 1, 11),
        ("a: max(x, 5)", 9, 1, 13),
        ("a: max(x, 5)", 99, 1, 13),
        ("a: max(x, 5)", -1, 1, 4),
        ("a: 'it''s x'", 0, 1, 5),
        ("a: 'it''s x'", 3, 1, 9),
        ("a: 'it''s x'", 6, 1, 12),
        (r'a: "\tx\x41y\u0042z\U0001F600!"', 0, 1, 5),
        (r'a: "\tx\x41y\u0042z\U0001F600!"', 3, 1, 12),
        (r'a: "\tx\x41y\u0042z\U0001F600!"', 5, 1, 19),
        (r'a: "\tx\x41y\u0042z\U0001F600!"', 7, 1, 30),
        (r'a: "\\\\"', 1, 1, 7),
        ("a: x +\n   y +\n\n\n  z", 4, 2, 4),
        ("a: x +\n   y +\n\n\n  z", 9, 5, 3),
        ("a: x +\n   y +\n\n\n  z", 3, 1, 7),
        ('a: "x \\\n   y\\\n\n   z"', 2, 2, 4),
        ('a: "x \\\n   y\\\n\n   z"', 4, 4, 4),
        ("a: |  # why\n\n   x\n    y\n\n   z\n", 1, 3, 4),
        ("a: |  # why\n\n   x\n    y\n\n   z\n", 3, 4, 4),
        ("a: |  # why\n\n   x\n    y\n\n   z\n", 7, 6, 4),
        ("a: |2\n    x\n  y\n", 0, 2, 3),
        ("a: |2\n    x\n  y\n", 2, 2, 5),
        ("a: |2\n    x\n  y\n", 4, 3, 3),
        ("a: >-\n  x if\n  y\n\n\n  z\n   w\n  v", 5, 3, 3),
        ("a: >-\n  x if\n  y\n\n\n  z\n   w\n  v", 8, 6, 3),
        ("a: >-\n  x if\n  y\n\n\n  z\n   w\n  v", 11, 7, 4),
        ("a: >-\n  x if\n  y\n\n\n  z\n   w\n  v", 13, 8, 3),
        ("a: >-\n  x\n\n\n  y", 1, 3, 1),
        ("a: >-\n  x\n\n\n  y", 2, 4, 1),
        ("a: |\n  x\n\n\nb: 1", 1, 2, 4),
        ("a: |\n  x\n\n\nb: 1", 2, 3, 1),
        ("a: |+\n  x\n\n\nb: 1", 3, 4, 1),
        ("a: |+\n\n\nb: 1", 1, 3, 1),
        ("a: |\n", 0, 2, 1),
    ],
)
def test_a_character_of_a_text_is_found_where_it_was_written(text, offset, line, column):
    for parser in (FastParser, PureParser):
        assert read(text, parser).get("a").at(offset) == Location("p.yaml", line, column)


WORD = st.text("abcXYZ019_%+*/().'\"\\é😀", min_size=1, max_size=5)
GAPS = st.sampled_from([" ", "  ", "\n", "\n\n"])


@st.composite
def written_scalars(draw, style):
    """A text, and a way to write it: its YAML and, for each of its characters, the index that it was written at."""
    words = ["k" + draw(WORD), *draw(st.lists(WORD, max_size=5))]
    raw = {"plain": "a: ", "'": "a: '", '"': 'a: "', "|": "a: |-  # why\n   ", ">": "a: >-\n   "}[style]
    text, places = "", []
    for number, word in enumerate(words):
        gap = draw(GAPS) if number else ""
        written, indexes = _gap(draw, gap, style)
        places += [len(raw) + index for index in indexes]
        raw += written
        for character in word:
            places.append(len(raw))
            raw += _character(draw, character, style)
        text += gap + word
    end = len(raw)
    return text, raw + (style if style in "'\"" else "") + "\nb: 1\n", [*places, end]


def _gap(draw, gap, style):
    folded = "\n" + draw(st.sampled_from(["   ", "     "] if style not in "|>" else ["   "]))
    if "\n" in gap:
        ends = gap if style == "|" else gap + "\n"
        written = ends[:-1] + folded
        return written, range(len(ends) - len(gap), len(ends))
    if gap == " " and style != "|" and draw(st.booleans()):
        trailing = draw(st.sampled_from(["", "  "])) if style in ("plain", "'", '"') else ""
        return trailing + folded, [len(trailing)]
    if gap and style == '"' and draw(st.booleans()):
        return gap + "\\" + folded, range(len(gap))
    return gap, range(len(gap))


def _character(draw, character, style):
    if style == "'" and character == "'":
        return "''"
    if style == '"':
        short = [f"\\x{ord(character):02x}"] if ord(character) < 256 else []
        medium = [f"\\u{ord(character):04X}"] if ord(character) < 65536 else []
        literal = [character] if character not in '"\\' else ["\\" + character]
        return draw(st.sampled_from([*literal * 3, *short, *medium, f"\\U{ord(character):08x}"]))
    return character


@pytest.mark.hypothesis
@pytest.mark.parametrize("style", ["plain", "'", '"', "|", ">"])
@given(st.data())
def test_every_character_of_every_text_is_found(style, data):
    text, raw, places = data.draw(written_scalars(style))
    for parser in (FastParser, PureParser):
        scalar = read(raw, parser).get("a")
        assert scalar.text == text
        assert [scalar.at(offset) for offset in range(len(text) + 1)] == [scalar.source.location(at) for at in places]
        assert scalar.location == scalar.at(0)


@PARSERS
@pytest.mark.parametrize(
    ("text", "code", "line", "column", "said"),
    [
        ("a: b: c", "yaml-syntax", 1, 5, "a second `:`"),
        ("a: 1\n  b: 2", "yaml-syntax", 2, 4, "this line is indented, but the key above has its value"),
        ("a:\n  b: 1\n c: 2", "yaml-syntax", 3, 2, "does not fit the keys above"),
        ("a:\n  - 1\n b: 2", "yaml-syntax", 3, 2, "does not fit"),
        ("a:\n  - 1\n - 2", "yaml-syntax", 3, 2, "does not fit"),
        ("a: 1\nfoo\nb: 2", "yaml-syntax", 2, 1, "neither a key"),
        ("a: - 1", "yaml-syntax", 1, 4, "a list cannot begin here"),
        ("a: [1, 2", "yaml-syntax", 1, 4, "a `[` is opened and never closed"),
        ("a: {b: 1", "yaml-syntax", 1, 4, "a `{` is opened and never closed"),
        ("a: 'x\nb: 1", "yaml-syntax", 1, 4, "a quote is opened and never closed"),
        ("a: {if: x in [A, B]}", "yaml-syntax", 1, 14, "a text without quotes cannot hold `[`"),
        ("a: @x", "yaml-syntax", 1, 4, "cannot begin with `@`"),
        ("a: %5", "yaml-syntax", 1, 4, "cannot begin with `%`"),
        ("a: > 5", "yaml-syntax", 1, 6, "`|` and `>` begin a text of several lines"),
        ("a: *", "yaml-syntax", 1, 4, "cannot begin with `*` or `&`"),
        ('a: "\\q"', "yaml-syntax", 1, 6, "is no escape"),
        ('a: "\\UFFFFFFFF"', "yaml-syntax", 1, 7, "is no escape"),
        ("a:\tb", "yaml-syntax", 1, 3, "a tab"),
        ("\ta: b", "yaml-syntax", 1, 1, "a tab"),
        ("%YAML 1.1\n---\na: 1", "yaml-syntax", 1, 1, "`%` lines"),
        ("%YAML 1.9\n---\na: 1", "yaml-syntax", 1, 1, "`%` lines"),
        ("a: 1\n---\nb: 2", "yaml-many-documents", 2, 1, "a second document"),
        ("", "yaml-empty", 1, 1, "says nothing"),
        ("# only this\n", "yaml-empty", 1, 1, "says nothing"),
        ("---\n...\n", "yaml-empty", 1, 1, "says nothing"),
        ("a: 1\nb: 2\na: 3", "duplicate-key", 3, 1, "`a` is given twice, first on line 1"),
        ("b: {x: 1, 'x': 2}", "duplicate-key", 1, 12, "`x` is given twice"),
        ("5: x", "key-not-text", 1, 1, "a key must be a text"),
        ("true: x", "key-not-text", 1, 1, "a key must be a text"),
        ("~: x", "key-not-text", 1, 1, "a key must be a text"),
        ("[a]: x", "key-not-text", 1, 1, "a key must be a text"),
        ("a: !!int x", "yaml-tag", 1, 4, "`!!int` does not fit"),
        ("a: !!python/object x", "yaml-tag", 1, 4, "`!!python/object` does not fit"),
        ("a: !!map []", "yaml-tag", 1, 4, "`!!map` does not fit"),
        ("a: !secret x", "yaml-tag", 1, 4, "`!secret` does not fit"),
        ("a: !!binary x", "yaml-tag", 1, 4, "`!!binary` does not fit"),
        ("a: *b", "unknown-alias", 1, 4, "nothing before this is named &b"),
        ("a: &a [*a]", "unknown-alias", 1, 8, "nothing before this is named &a"),
        ("a: .inf", "out-of-range", 1, 4, ".inf is not a number"),
        ("a: .NaN", "out-of-range", 1, 4, ".NaN is not a number"),
        ("a: 1e999", "out-of-range", 1, 4, "1e999 is not a number"),
        ("a: !!float 1e999", "out-of-range", 1, 12, "1e999 is not a number"),
        ("a: " + "9" * 41, "out-of-range", 1, 4, "is not a number"),
        ("a: b\n\0", "yaml-encoding", 2, 1, "U+0000"),
        ("a: \x1b[2J", "yaml-encoding", 1, 4, "U+001B"),
        ("a: \u202eb", "yaml-encoding", 1, 4, "U+202E"),
        ("a: b\u2028c", "yaml-encoding", 1, 5, "U+2028"),
        ("a: b\ufeff", "yaml-encoding", 1, 5, "U+FEFF"),
        ("a: \ud800", "yaml-encoding", 1, 4, "U+D800"),
        ('a: "x\\ud800"', "yaml-encoding", 1, 6, "U+D800"),
        ('a: "x\\0"', "yaml-encoding", 1, 6, "U+0000"),
        ('a: "\\x41\\u202e"', "yaml-encoding", 1, 9, "U+202E"),
        (b"a: b\nc: \xe9\n", "yaml-encoding", 2, 4, "not UTF-8"),
        ("ab: c".encode("utf-16"), "yaml-encoding", 1, 1, "not UTF-8"),
        ("{at_most: max(a, b)}", "yaml-syntax", 1, 16, "the comma ends the text `max(a`"),
    ],
)  # fmt: skip
def test_a_wrong_text_is_one_finding_at_its_place(text, code, line, column, said, parser):
    assert found(text, parser) == [(code, line, column)]
    assert said in only(text, parser).message


def test_all_findings_of_a_file_come_at_once_in_its_order():
    text = "a: 1\na: 2\nb: {x: 1, x: 2}\nc: *y\n5: 6\nd: .inf\ne: !z 1\n"
    assert found(text) == [
        ("duplicate-key", 2, 1), ("duplicate-key", 3, 11), ("unknown-alias", 4, 4), ("key-not-text", 5, 1),
        ("out-of-range", 6, 4), ("yaml-tag", 7, 4),
    ]  # fmt: skip


def test_what_can_be_read_is_handed_on_beside_the_findings():
    node, problems = parse_document("a: 1\na: 2\nb: 3\n", "p.yaml")
    assert plain(node) == {"a": 1, "b": 3}
    assert len(problems) == 1


def test_a_finding_shows_its_line():
    assert only("x: 1\n  y: 2\n").render() == (
        "p.yaml:2:4: error [yaml-syntax]: this line is indented, but the key above has its value already\n"
        "      y: 2\n"
        "       ^\n"
        "    = indent it by spaces, exactly as far as the lines that it belongs to"
    )


def test_a_finding_never_shows_what_moves_a_terminals_cursor():
    assert only("a: \x1b[2J").source_line == "a: \ufffd[2J"


def test_a_formula_cut_by_a_comma_in_braces_is_one_finding_that_says_what_to_write():
    problem = only("{name: drawdown, at_most: max(a, min(b, c)), why: x}")
    assert problem.hint == 'put it in quotes: "max(a, min(b, c))"'
    node, _ = parse_document("{name: drawdown, at_most: max(a, min(b, c)), why: x}", "p.yaml")
    assert list(plain(node)) == ["name", "at_most", "why"]


@pytest.mark.parametrize("text", ["{a: f(x), b: 1}", "{a: '(', b}", "{a: (, b: ')'}", "a: f(x,\n  y)", "{a: (x, b}"])
def test_other_parentheses_are_left_alone(text):
    assert found(text) == []


def test_a_problem_is_placed_at_a_character_of_a_text():
    node = read("a: 'x''y'").get("a")
    assert problem_at(node, "code", "message", "hint", offset=2).location == Location("p.yaml", 1, 8)
    assert problem_at(node, "code", "message").location == Location("p.yaml", 1, 5)


def nested(depth, opening, closing):
    return opening * depth + "1" + closing * depth


def test_depth_is_bounded():
    assert found(nested(40, "[", "]")) == []
    assert found(nested(41, "[", "]")) == [("yaml-too-deep", 1, 41)]
    assert found(nested(41, "{a: ", "}")) == [("yaml-too-deep", 1, 161)]
    aliased = "a: &a " + nested(20, "[", "]") + "\nb: "
    assert found(aliased + nested(0, "[", "]").replace("1", "[" * 19 + "*a" + "]" * 19)) == []
    assert found(aliased + "[" * 20 + "*a" + "]" * 20) == [("yaml-too-deep", 2, 24)]


def test_aliases_are_bounded():
    assert found("a: &a 1\nb: [" + "*a, " * 100 + "]") == []
    assert found("a: &a 1\nb: [" + "*a, " * 101 + "]") == [("yaml-too-many-aliases", 2, 5 + 400)]


def test_billion_laughs_end_where_the_bound_is():
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{new}: &{new} [{', '.join(['*' + old] * 9)}]" for old, new in zip("abcdefg", "bcdefgh", strict=True)]
    assert found("\n".join(lines)) == [("yaml-too-many-aliases", 5, 28)]


@pytest.mark.no_cover
def test_the_number_of_values_is_bounded():
    assert found("[" + "1," * 49_999 + "]") == []
    assert found("[" + "1," * 50_000 + "]") == [("yaml-too-large", 1, 100_000)]


def test_bytes_are_bounded():
    fits = "a: " + "é" * (MOST_BYTES // 2 - 2)
    assert found(fits) == found(fits.encode()) == []
    for text in (fits + "xx", (fits + "xx").encode(), fits * 9):
        assert found(text) == [("yaml-too-large", 1, 1)]


def test_findings_are_bounded():
    assert len(found("- !x y\n" * 500)) == 100
    assert len(found("\0" * 500)) == 100
    assert len(found('"' + "\\0" * 500 + '"')) == 100


@PARSERS
@pytest.mark.parametrize("piece", ["[", "{a: ", "- ", "? ", "&a ", "*a ", "!x ", "'", "\\", "%A b\n", "{x: f(a, b), "])
def test_a_hostile_text_takes_no_time(piece, parser):
    with patience():
        parse_document(piece * (100_000 // len(piece)), "p.yaml", parser)


PIECES = st.sampled_from([
    "a", "b: ", "c:", "- ", "? ", ": ", ":", "{", "}", "[", "]", ",", ", ", "\n", "\n  ", "\n    ", "\r\n", " ", "#",
    " # x", "'", '"', "|", "|-\n  ", ">\n  ", "&x ", "*x ", "!!str ", "!t ", "%", "@", "5", "0.5", "true", "---", "...",
    "\\n", "\\", "\\x41", "''", "é", "😀", "max(a, b)", "\t", "<<", '"q"', "'s'", "k: v\n", "- i\n", "\n\n", "?", "*",
])  # fmt: skip


@PARSERS
def test_a_question_mark_in_braces_is_a_part_of_a_text(parser):
    assert plain(read("{title: Is it safe? Yes, a?: ?b, '?c': d ? e}", parser)) == {
        "title": "Is it safe? Yes", "a?": "?b", "?c": "d ? e",
    }  # fmt: skip
    assert plain(read("{? a: 1, ? b}", parser)) == {"a": 1, "b": None}
    assert found("{?}", parser) == [("key-not-text", 1, 3)]


@pytest.mark.hypothesis
@given(st.lists(PIECES, max_size=14).map("".join))
def test_both_parsers_read_the_same(text):
    assert parse_document(text, "p.yaml", FastParser) == parse_document(text, "p.yaml", PureParser)


@pytest.mark.hypothesis
@given(st.one_of(st.text(), st.binary(), st.lists(PIECES).map("".join)))
def test_reading_never_raises_and_says_why_there_is_nothing(text):
    node, problems = parse_document(text, "p.yaml")
    assert problems or node is not None
    assert all(problem.location.line >= 1 and problem.location.column >= 1 for problem in problems)
    if isinstance(node, Scalar):
        assert node.at(0) == node.location
