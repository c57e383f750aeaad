"""Why a text is no expression: slips of the pen and what is written elsewhere, each with what to write here."""

import keyword
import re
from dataclasses import dataclass

from rulecap.language.tokens import STRING, Masked
from rulecap.units import NUMBER, SUFFIXES

WORD_AFTER = r"(?!(?:and|or|not|if|else|in|for)\b)"
WHERE = "write sum(x.margin for x in list if condition)"
CHOICE = "write `one if condition else another`"
WHOLE = "a name is compared whole: x == NAME, or x in [ONE, OTHER]"
A_PERCENT = "a percent is a number followed by %: 5%"
SLIPS = (
    (re.compile(r"&&"), "write `and`"),
    (re.compile(r"\|\|"), "write `or`"),
    (re.compile(r"<>"), "write !="),
    (re.compile(r"=>"), "write >="),
    (re.compile(r"=<"), "write <="),
    (re.compile(r"(?<![=!<>])=(?!=)"), "to compare, write =="),
    (re.compile(r"!(?!=)"), "write `not`"),
    (re.compile(r"%"), f"there is no modulo; {A_PERCENT}"),
    (re.compile(r"\?"), CHOICE),
    (re.compile(r"\$"), "an amount is written 5 USD"),
    (re.compile(r"[;`{}@#]|:(?!=)"), ""),
)
# Looked for only in what cannot be read: `AND` may well be a name.
WORD_SLIPS = (
    (re.compile(r"\b(?:AND|And)\b"), "write `and`"),
    (re.compile(r"\b(?:OR|Or)\b"), "write `or`"),
    (re.compile(r"\b(?:NOT|Not)\b"), "write `not`"),
    (re.compile(r"\b(?:IF|If|ELSE|Else|THEN|Then|then|elif|elseif)\b"), CHOICE),
    (re.compile(r"\b(?:where|WHERE|when|WHEN)\b"), WHERE),
    (re.compile(r"\A\s*if\b|(?<=[(,])\s*if\b"), CHOICE),
    (re.compile(r"\b(?:between|BETWEEN)\b"), "write lowest <= x <= highest"),
    (re.compile(r"\b(?:startswith|endswith|STARTSWITH|LIKE|CONTAINS)\b"), WHOLE),
    (re.compile(r"(?<=\d)[% ]+(?:of|OF)\b"), "write percent_of(whole, share)"),
    (re.compile(r"\|"), "write abs(x), or `or` between conditions"),
)
SENTENCE = re.compile(rf"(?<![\w.]){WORD_AFTER}[A-Za-z_]\w*\s+{WORD_AFTER}[A-Za-z_]\w*")
MODULO = re.compile(rf"%(?=\s*{WORD_AFTER}[A-Za-z0-9_(])")
UNKNOWN_UNIT = re.compile(rf"(?<![A-Za-z0-9_.])(?>{NUMBER})(?P<unit>[A-Za-z_]\w*)")
SPACED_UNIT = re.compile(rf"(?<![A-Za-z0-9_.])(?>{NUMBER}) +{WORD_AFTER}(?P<unit>[A-Za-z0-9_]+)")
DANGLING = re.compile(r"(?:[-+*/<>=,.]|\b(?:and|or|not|if|else|in|for))\s*\Z")
FORMAT = re.compile(r":[,+]?\.?\d*[fdgens%]?\Z")
# Python would take it for a subtraction, where no part of it starts with a zero.
DATE = re.compile(r"(?<![\w.])\d{4}-\d\d-\d\d(?![\d.])")
ABOUT_TIMES = "name it as a parameter, {value: 2026-01-31T12:00Z, type: time}, and read that"
WRITTEN_UNITS = f"units are written {', '.join(f'5{suffix}' for suffix in SUFFIXES if suffix != 'USD')} or 5 USD"
INSTEAD = {
    "≥": "write >=",
    "≤": "write <=",
    "≠": "write !=",
    "×": "write *",
    "·": "write *",
    "÷": "write /",
    "–": "write -",
    "−": "write -",
    **dict.fromkeys("“”„‘’‚´", "write straight quotes: '…'"),
    **dict.fromkeys("\u00a0\u2007\u2009\u202f", "write an ordinary space"),
}
COMMA_DECIMAL = re.compile(r"\d+,\d{1,2}\Z")
GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?\Z")
FOREIGN = re.compile(r"(?P<before>[$])?\s?(?P<sign>[-+]?)(?P<number>\d[\d.,_]*)\s*(?P<unit>[^\d\s].*)?\Z")
UNITS_ELSEWHERE: dict[str | None, str] = {
    **dict.fromkeys(("$", "usd", "dollar", "dollars", "usdt", "usdc", "busd", "fdusd"), " USD"),
    **dict.fromkeys(("%", "percent", "pct"), "%"),
    **dict.fromkeys(("bp", "bps", "basis point", "basis points"), "bp"),
    **dict.fromkeys(("x", "times"), "x"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "min"),
    **dict.fromkeys(("d", "day", "days"), "d"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    None: "",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a text is no expression: the offset in it, a code, what is wrong, what to write."""

    offset: int
    code: str
    message: str
    hint: str = ""


def unfit_for_python(text: str, masked: Masked) -> Refusal | None:
    """Refuse what Python's parser would take in another sense, or take with a warning."""
    backslash = text.find("\\")
    if backslash >= 0:
        return Refusal(backslash, "not-an-expression", "a backslash does not belong to the language")
    outside = _outside_texts(masked.text)
    strange = re.search(r"[^\x20-\x7e]", outside)
    if strange:
        sign = f"the space U+{ord(strange[0]):04X}" if strange[0].isspace() else f"`{strange[0]}`"
        message = f"{sign} does not belong to the language"
        return Refusal(strange.start(), "not-an-expression", message, INSTEAD.get(strange[0], ""))
    form = FORMAT.search(outside)
    if form:
        hint = f"leave {form[0]} out"
        return Refusal(form.start(), "not-an-expression", "a value is shown as it is: there are no formats", hint)
    date = DATE.search(outside)
    if date:
        return Refusal(date.start(), "not-an-expression", "a date is no value of the language", ABOUT_TIMES)
    unknown = UNKNOWN_UNIT.search(outside)
    return _unknown_unit(unknown) if unknown else None


def written_here(text: str) -> str:
    """Return a hint how a number that is written as elsewhere is written here, or how all of them are."""
    found = FOREIGN.match(text)
    unit = UNITS_ELSEWHERE.get((found["before"] or found["unit"] or "").casefold() or None) if found else None
    if not found or unit is None or (found["before"] and (found["unit"] or "USD").casefold() != "usd"):
        return WRITTEN_UNITS
    number = found["number"]
    if "," in number:
        if not (COMMA_DECIMAL.match(number) or GROUPED.match(number)):
            return WRITTEN_UNITS
        number = number.replace(",", "." if COMMA_DECIMAL.match(number) else "")
    return f"write {found['sign'].removeprefix('+')}{number}{unit}"


def _unknown_unit(found: re.Match[str]) -> Refusal:
    if keyword.iskeyword(found["unit"]):
        return Refusal(found.start("unit"), "not-an-expression", f"a space is missing before `{found['unit']}`")
    shown = re.sub(r"\s+", " ", found[0])
    return Refusal(
        found.start(), "wrong-unit", f"{shown:.40} has a unit that the language does not know", written_here(shown)
    )


def _outside_texts(text: str) -> str:
    return re.sub(STRING, lambda match: " " * len(match[0]), text)


def unreadable(text: str, masked: str, error: Exception, lead: int) -> Refusal:
    """Refuse what Python's parser cannot read: its guess only where nothing known is found."""
    if not text.strip():
        return Refusal(0, "not-an-expression", "an expression is missing here")
    outside = _outside_texts(masked)
    slip = _slip(outside) or _bracket(outside)
    if slip:
        return slip
    if MODULO.search(_outside_texts(text)):
        return Refusal(
            _outside_texts(text).index("%"),
            "not-an-expression",
            "there is no modulo",
            A_PERCENT,
        )
    if DANGLING.search(outside):
        return Refusal(len(text.rstrip()) - 1, "not-an-expression", "something is missing behind this")
    spaced = SPACED_UNIT.search(outside)
    if spaced:
        number = spaced["unit"][0].isdigit()
        return (
            Refusal(spaced.start(), "not-an-expression", "a number has no spaces") if number else _unknown_unit(spaced)
        )
    offset = min(max((getattr(error, "offset", None) or 1) - 1 + lead, 0), max(len(text) - 1, 0))
    reason = error.msg if isinstance(error, SyntaxError) else "too deeply nested"
    if reason.startswith("invalid syntax"):  # what Python guesses is meant is Python
        reason = "what stands here does not follow on what stands before it"
    return Refusal(offset, "not-an-expression", f"this is not an expression: {reason}", _instead(outside))


def _instead(outside: str) -> str:
    """Return what to write for what Python's parser cannot read, where that is plain."""
    if re.search(r"\bif\b", outside) and not re.search(r"\belse\b", outside):
        return CHOICE
    return "a text stands in quotes: '…'" if SENTENCE.search(outside) else ""


def _slip(outside: str) -> Refusal | None:
    for pattern, hint in (*SLIPS, *WORD_SLIPS):
        slip = pattern.search(outside)
        if slip:
            word = slip[0].strip()
            wrong = "stands behind a value, not before it" if word == "if" else "does not belong to the language"
            place = slip.end() - len(word)
            return Refusal(place, "not-an-expression", f"`{word}` {wrong}", hint)
    return None


def _bracket(outside: str) -> Refusal | None:
    """Refuse a parenthesis or bracket without its other half."""
    opened: list[int] = []
    for offset, character in enumerate(outside):
        if character in "([":
            opened.append(offset)
        elif character in ")]":
            if not opened:
                return Refusal(offset, "not-an-expression", f"`{character}` closes nothing")
            opened.pop()
    if opened:
        return Refusal(opened[-1], "not-an-expression", f"`{outside[opened[-1]]}` is never closed")
    quote = re.search("['\"]", outside)
    return Refusal(quote.start(), "not-an-expression", "a quote is opened and never closed") if quote else None
