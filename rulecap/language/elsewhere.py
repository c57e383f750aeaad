"""What names and functions of other languages are called here: hints for whoever brings them along."""

WORDS = {
    "yes": "write true",
    "no": "write false",
    "on": "write true",
    "off": "write false",
    "now": "the time of the snapshot is as_of; there is no other",
    "today": "the time of the snapshot is as_of; there is no other",
    "time": "the time of the snapshot is as_of; there is no other",
    "null": "what is absent is `none`; whether something is, known(…) asks",
    "nil": "what is absent is `none`; whether something is, known(…) asks",
    "None": "what is absent is `none`; whether something is, known(…) asks",
}
_ABSENT = "write default(x, y)"
_WHETHER = "write known(x)"
_ANY, _ALL = "write count(x for x in list if …) > 0", "write count(x for x in list if not (…)) == 0"
_ONE_OF_TWO = "write `one if condition else another`"
_COUNT = "write count(list)"
FUNCTIONS = {
    "clamp": "write max(lowest, min(highest, x))",
    "clip": "write max(lowest, min(highest, x))",
    "now": WORDS["now"],
    "today": WORDS["now"],
    "day": "write weekday(time), or midnight(time) for when it began",
    "pow": "a power is written **",
    "power": "a power is written **",
    "mean": "write average(list)",
    "avg": "write average(list)",
    "len": _COUNT,
    "length": _COUNT,
    "size": _COUNT,
    "if": _ONE_OF_TWO,
    "iif": _ONE_OF_TWO,
    "ifelse": _ONE_OF_TWO,
    "coalesce": _ABSENT,
    "ifnull": _ABSENT,
    "nvl": _ABSENT,
    "exists": _WHETHER,
    "defined": _WHETHER,
    "isnull": "write not known(x)",
    "any": _ANY,
    "some": _ANY,
    "all": _ALL,
    "every": _ALL,
    "ceiling": "write ceil(x)",
    "int": "write floor(x)",
    "trunc": "write floor(x)",
}
