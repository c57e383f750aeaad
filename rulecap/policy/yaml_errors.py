"""The YAML parser's complaints, said in the words of somebody who writes a policy and not a parser."""

import re
from dataclasses import dataclass

from rulecap.location import Location
from rulecap.policy.nodes import SourceFile
from rulecap.problems import Problem

WRITE_KEY = "write `key: value`, or indent it"
INDENTED = "this line is indented, but the key above has its value already"
SECOND_COLON = "a second `:` in one line"
SEPARATE = "write a comma between two entries and `{1}` behind the last; a text with such signs is put in quotes"
QUOTE_IT = 'put the whole text in quotes: "…"'
ALIGN = "indent it by spaces, exactly as far as the lines that it belongs to"


BEHIND = "this stands behind the end of a value"
BEHIND_HINT = "put the whole value in quotes, or write a remark behind ` #`"
UNSPACED = re.compile(r"\s*(?:- +)?(?P<key>[a-z_][a-z0-9_.]*):(?P<value>[^\s:/].*)\Z")
COLONLESS = re.compile(r"\s*(?:- +)?(?P<key>[a-z_][a-z0-9_]*) +(?P<value>[^\s:#].*)\Z")
REMARK = re.compile(r"\s#")
OPENS = re.compile(r":\s*(?:#.*)?\Z")
CLOSING = {"{": "}", "[": "]"}
QUOTES = ("'", '"')
# The last quote of a line, where a text may begin: the one of `don't` opens nothing.
OPENING = {quote: re.compile(rf"(?<![^\s\[{{,]){quote}(?=[^{quote}]*\Z)") for quote in QUOTES}


@dataclass(frozen=True, slots=True)
class Meaning:
    """One of the parser's complaints.

    Attributes:
        says: what is searched in its "context; problem".
        message: what that means; `{1}` is what the search found.
        hint: what to write.
        begins: the place is where the construct begins (an unclosed quote), not where the parser gave up.
    """

    says: str
    message: str
    hint: str = ""
    begins: bool = False


MEANINGS = (
    Meaning(r"found character '\\t'", "a tab stands between the words or before them", "write spaces"),
    Meaning(r"found character '(.)' that cannot start", "a text without quotes cannot begin with `{1}`", QUOTE_IT),
    Meaning(r"mapping values are not allowed", SECOND_COLON, QUOTE_IT),
    Meaning(r"sequence entries are not allowed", "a list cannot begin here", "put the `-` on a line of its own"),
    Meaning(r"block collection; expected <block end>", "this line does not fit the list above it", ALIGN),
    Meaning(r"block mapping; expected <block end>", "this line does not fit the keys above it", ALIGN),
    Meaning(r"could not find expected ':'", "this is neither a key with `:` nor a text", WRITE_KEY, begins=True),
    Meaning(r"quoted scalar; found unexpected", "a quote is opened and never closed", "close it", begins=True),
    Meaning(r"'\]', but got '<stream end>'", "a `[` is opened and never closed", "close it with `]`", begins=True),
    Meaning(r"'\}', but got '<stream end>'", "a `{` is opened and never closed", "close it with `}`", begins=True),
    Meaning(r"but got '([\[{])'", "inside brackets or braces a text without quotes cannot hold `{1}`", QUOTE_IT),
    Meaning(r"expected ',' or '(.)'", "a comma or the closing `{1}` is missing before this", SEPARATE),
    Meaning(r"node content, but found '<block", "this line is indented too far", ALIGN),
    Meaning(r"node content, but found", "a value is missing before this", "write it, or put a text in quotes"),
    Meaning(r"block scalar; expected", "`|` and `>` begin a text of several lines, on the next line", QUOTE_IT),
    Meaning(r"(?:alias|anchor); expected alpha", "a text without quotes cannot begin with `*` or `&`", QUOTE_IT, True),
    Meaning(r"escape character|escape sequence", "this `\\` in double quotes is no escape", "write it twice"),
    Meaning(r"incompatible YAML|%YAML", "this is another version of YAML", "leave the `%YAML` line out"),
    Meaning(r"tag", "tags (`!…`) are not part of a policy", QUOTE_IT, begins=True),
)


def syntax_problem(source: SourceFile, error: Exception) -> Problem:
    """Return the parser's error as a finding with a place in the file."""
    complaint = f"{getattr(error, 'context', None) or ''}; {getattr(error, 'problem', None) or error}"
    for meaning in MEANINGS:
        if found := re.search(meaning.says, complaint):
            place = _place(source, error, meaning.begins)
            if slip := _slip_behind_key(source, place.line - (meaning.message == SECOND_COLON)):
                return slip
            if meaning.hint == ALIGN and (slip := _slip_above(source, place)):
                return slip
            if meaning.message == SECOND_COLON and _is_first_colon(source, place):
                return _item_without_colon(source, place) or source.problem("yaml-syntax", INDENTED, place, ALIGN)
            if closer := _odd_bracket(source, error, place) or _late_quote(source, place):
                return closer
            if meaning.hint == ALIGN and source.line(place.line)[: place.column - 1].strip(" -"):
                return source.problem("yaml-syntax", BEHIND, place, BEHIND_HINT)
            message, hint = _filled(meaning.message, found), _filled(meaning.hint, found)
            opened = getattr(error, "context_mark", None)
            if meaning.hint == SEPARATE and opened is not None and opened.line + 1 < place.line:
                message += f"; it was opened on line {opened.line + 1}"
            return source.problem("yaml-syntax", message, place, hint)
    message = f"this cannot be read as YAML: {complaint.strip('; ')}"
    return source.problem("yaml-syntax", message, _place(source, error, begins=False))


def _slip_behind_key(source: SourceFile, number: int) -> Problem | None:
    """Return the finding that a line has no colon behind its key or no space behind the colon, where that is plain."""
    line = source.line(number) if number > 0 else ""
    if unspaced := UNSPACED.match(line):
        place = Location(source.name, number, unspaced.end("key") + 1)
        return source.problem("yaml-syntax", "a space is missing behind this colon", place, _spaced(unspaced))
    first = number > 1 and OPENS.search(source.line(number - 1))  # else it may go on with the text of the line above
    colonless = COLONLESS.match(line) if first else None
    return _without_colon(source, number, colonless) if colonless else None


def _item_without_colon(source: SourceFile, place: Location) -> Problem | None:
    """Return the finding that the first entry of a list's item, in the line above, has no colon behind its key."""
    number = place.line - 1
    above = source.line(number) if number else ""
    entry = COLONLESS.match(above)
    here = source.line(place.line)
    if entry is None or not above.lstrip().startswith("- ") or entry.start("key") != len(here) - len(here.lstrip()):
        return None
    return _without_colon(source, number, entry)


def _without_colon(source: SourceFile, number: int, entry: re.Match[str]) -> Problem:
    place = Location(source.name, number, entry.end("key") + 1)
    return source.problem("yaml-syntax", "a colon is missing before this", place, _spaced(entry))


def _slip_above(source: SourceFile, place: Location) -> Problem | None:
    """Return the slip of the entry above, whose text a remark ended: it is the next entry that fails."""
    number = place.line - 1
    while number > 1 and not source.line(number).partition("#")[0].strip():
        number -= 1
    line = source.line(number) if number else ""
    entry = UNSPACED.match(line) or COLONLESS.match(line)
    beside = entry is not None and entry.start("key") == place.column - 1
    return _slip_behind_key(source, number) if beside and REMARK.search(line) else None


def _spaced(entry: re.Match[str]) -> str:
    return f"write {entry['key']}: {REMARK.split(entry['value'])[0].rstrip()}"


def _odd_bracket(source: SourceFile, error: Exception, place: Location) -> Problem | None:
    """Return the finding that a bracket closes nothing, or that one of an earlier line is never closed."""
    line = source.line(place.line)
    here = line[place.column - 1 : place.column]
    opened = getattr(error, "context_mark", None)
    if here in CLOSING.values():
        if opened is None or source.line(opened.line + 1)[opened.column : opened.column + 1] not in CLOSING:
            return source.problem("yaml-syntax", f"this `{here}` closes nothing", place, "take it out")
    elif (
        here in CLOSING
        and opened is not None
        and opened.line + 1 < place.line
        and line[: place.column - 1].strip() == "-"
    ):
        bracket = source.line(opened.line + 1)[opened.column : opened.column + 1]
        if bracket in CLOSING:
            begin = Location(source.name, opened.line + 1, opened.column + 1)
            message = f"this `{bracket}` is not closed before the next entry, on line {place.line}"
            return source.problem("yaml-syntax", message, begin, f"close it with `{CLOSING[bracket]}`")
    return None


def _late_quote(source: SourceFile, place: Location) -> Problem | None:
    """Return the finding that a quote is closed by one that should have opened another text, on a line below."""
    before = source.line(place.line)[: place.column - 1].rstrip()
    quote = before[-1:]
    if quote not in QUOTES or before.count(quote) != 1:
        return None
    number = place.line - 1
    while number > 1 and quote not in source.line(number):
        number -= 1
    line = source.line(number) if number else ""
    opens = OPENING[quote].search(line)
    if line.count(quote) % 2 == 0 or "\\" in line or not opens:
        return None
    begin = Location(source.name, number, opens.start() + 1)
    message = f"this quote is closed only on line {place.line}"
    return source.problem("yaml-syntax", message, begin, f"close it on its own line: {quote}…{quote}")


def _filled(message: str, found: re.Match[str]) -> str:
    """Return the message with what the pattern found in place of `{1}` and `{2}`."""
    for number, text in enumerate(found.groups(), start=1):
        message = message.replace(f"{{{number}}}", text)
    return message


def _place(source: SourceFile, error: Exception, begins: bool) -> Location:
    """Return where the faulty construct begins, or where it became faulty."""
    marks = [getattr(error, "context_mark", None), getattr(error, "problem_mark", None)]
    for mark in marks if begins else reversed(marks):
        if mark is not None:
            return Location(source.name, mark.line + 1, mark.column + 1)
    return Location(source.name, 1, 1)


def _is_first_colon(source: SourceFile, place: Location) -> bool:
    """Tell whether no key stands before this colon in its line."""
    return ":" not in source.line(place.line)[: place.column - 1]
