"""The corpus of broken policies: every finding has its code, its exact place, and says what is wrong and what to write.

The cases stand in tests/invalid, one file for each theme. A line of `=` begins a case, `--- name` a further file of
it. Below the line that is wrong, a caret stands where the finding must be, with its code and what message and hint
say; `…` stands for anything. Exactly these findings are expected, in this order, and no others: one fault, one finding.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from rulecap.problems import Problem
from tests.written import MAIN, completed, problems, problems_of

FOLDER = Path(__file__).parent / "invalid"
SOURCES = Path(__file__).parents[1] / "rulecap"
MARK = re.compile(r"(?P<lead> *)\^ (?P<warning>warning )?(?P<code>[a-z-]+): (?P<text>.*)\Z")
# Only the cases of absent.txt are about what a decision must require.
EVERYTHING = "age_seconds, signal, signal.score, signal.win_rate, market, book, assets, correlation"
ANY = " … "
AS_IT_IS = "(as it is)"  # in a case's title: nothing is added to its file


@dataclass(frozen=True)
class Expected:
    code: str
    severity: str
    file: str
    line: int
    column: int
    text: str

    @property
    def place(self) -> tuple[str, str, str, int, int]:
        return self.severity, self.code, self.file, self.line, self.column


@dataclass(frozen=True)
class Case:
    name: str
    files: dict[str, str]
    expected: tuple[Expected, ...]


@cache
def corpus() -> tuple[Case, ...]:
    return tuple(case for path in sorted(FOLDER.glob("*.txt")) for case in _cases(path))


def _cases(path: Path) -> list[Case]:
    parts = re.split(r"^=+ (.*)\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return [_case(f"{path.stem}: {title}", text) for title, text in zip(parts[::2], parts[1::2], strict=True)]


def _case(name: str, text: str) -> Case:
    pieces = re.split(r"^--- (\S+)\n", "--- policy.yaml\n" * (not text.startswith("---")) + text, flags=re.MULTILINE)[
        1:
    ]
    files, expected = {}, []
    for file, content in zip(pieces[::2], pieces[1::2], strict=True):
        lines: list[str] = []
        for line in content.rstrip("\n").split("\n"):
            mark = MARK.match(line)
            if mark:
                severity = "warning" if mark["warning"] else "error"
                place = (file, max(len(lines), 1), len(mark["lead"]) + 1)
                expected.append(Expected(mark["code"], severity, *place, mark["text"]))
            else:
                lines.append(line)
        written = "\n".join(lines) + "\n"
        requires = "" if name.startswith("absent") else EVERYTHING
        files[file] = completed(written, requires) if file == MAIN and AS_IT_IS not in name else written
    return Case(name, files, tuple(sorted(expected, key=lambda one: (one.file, one.line, one.column))))


KEPT: dict[str, tuple[Problem, ...]] = {}


def _found(case: Case) -> tuple[Problem, ...]:
    if case.name not in KEPT:
        KEPT[case.name] = problems_of(case.files)
    return KEPT[case.name]


def _place(problem: Problem) -> tuple[str, str, str, int, int]:
    place = problem.location
    assert place is not None, problem
    return problem.severity, problem.code, place.file, place.line, place.column


@pytest.mark.parametrize("case", corpus(), ids=lambda case: case.name)
def test_exactly_what_is_wrong_is_found_where_it_is_wrong(case: Case) -> None:
    found = _found(case)
    said = "\n".join(problem.render() for problem in found)
    assert [_place(problem) for problem in found] == [one.place for one in case.expected], said
    for problem, one in zip(found, case.expected, strict=True):
        pattern = ".*".join(re.escape(part) for part in one.text.split(ANY))
        assert re.search(pattern, f"{problem.message} = {problem.hint}"), f"{problem.message} = {problem.hint}"


@pytest.mark.parametrize("case", corpus(), ids=lambda case: case.name)
def test_a_finding_shows_its_line_and_points_at_it(case: Case) -> None:
    for problem in _found(case):
        assert problem.location is not None
        assert problem.source_line == case.files[problem.location.file].split("\n")[problem.location.line - 1]
        place, line, caret, *_ = problem.render().split("\n")
        assert place.startswith(f"{problem.location}: {problem.severity} [{problem.code}]: ")
        if len(problem.source_line) <= 160:
            assert (line, caret) == (
                f"    {problem.source_line}".replace("\t", " "),
                " " * (problem.location.column + 3) + "^",
            )


def test_every_code_that_loading_can_give_has_a_case() -> None:
    given = {one.code for case in corpus() for one in case.expected} | set(GENERATED)
    assert given >= _codes_of_the_source() - NOT_OF_A_POLICY


# Codes of overlays' names and of a defence that nothing reaches while the schema and the models agree.
NOT_OF_A_POLICY = {"not-understood"}
GENERATED = ("expression-too-long", "yaml-too-large", "yaml-too-many-aliases", "yaml-encoding")


def _codes_of_the_source() -> set[str]:
    found = set()
    for folder in ("language", "rules", "policy"):
        for path in (SOURCES / folder).rglob("*.py"):
            found |= set(re.findall(r'"([a-z]+(?:-[a-z]+)+|cycle)"', path.read_text(encoding="utf-8")))
    return found


def test_an_expression_is_bounded_in_length() -> None:
    [found] = problems("rules:\n  x: {kind: formula, formula: " + "not " * 600 + "true}\n")
    assert (found.code, found.location.line if found.location else 0) == ("expression-too-long", 2)
    assert found.message == "an expression has at most 2000 characters, this has 2404"


def test_a_file_is_bounded_in_bytes_and_nodes() -> None:
    [found] = problems_of({MAIN: "#" * (1 << 20) + "\n"})
    assert (found.code, found.hint) == ("yaml-too-large", "split it and use `include`")
    [found] = problems_of({MAIN: "inputs: [" + "1," * 50_001 + "]\n"})
    assert found.code == "yaml-too-large"
    assert "more than 50,000 values" in found.message


def test_aliases_are_bounded() -> None:
    text = "a: &a [1]\nb: [" + ", ".join(["*a"] * 101) + "]\n"
    [found] = problems_of({MAIN: text})
    assert (found.code, found.hint) == ("yaml-too-many-aliases", "use a parameter")


def test_a_file_is_utf_8(tmp_path: Path) -> None:
    from rulecap import PolicyError, load_policy

    (tmp_path / MAIN).write_bytes(b"language: 1\npolicy: x\nversion: 1.0.0\ntitle: caf\xe9\n")
    with pytest.raises(PolicyError) as error:
        load_policy(tmp_path)
    [found] = error.value.problems
    assert (found.code, str(found.location), found.hint) == ("yaml-encoding", "policy.yaml:4:11", "save it as UTF-8")


def test_a_policy_that_is_not_there(tmp_path: Path) -> None:
    from rulecap import PolicyError, load_policy

    with pytest.raises(PolicyError) as error:
        load_policy("defalt")
    [found] = error.value.problems
    assert (found.code, found.hint) == ("no-such-policy", "did you mean default?")
    with pytest.raises(PolicyError) as error:
        load_policy(tmp_path)
    assert "a folder needs a policy.yaml" in error.value.problems[0].message


def test_overlays_in_a_circle() -> None:
    overlay = "language: 1\nextends: {}.yaml\npolicy: x\nversion: 1.0.0\nset: {{limit: 5%}}\n"
    [found] = problems_of({"main.yaml": overlay.format("other"), "other.yaml": overlay.format("main")})
    assert (found.code, str(found.location)) == ("cycle", "other/other.yaml:2:10")
    assert found.message == "overlays extend each other in a circle: main.yaml → other.yaml → main.yaml"
