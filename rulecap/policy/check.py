"""From a written policy to a checked one: every part in turn, all findings gathered."""

from dataclasses import replace
from typing import TypeVar

from pydantic import ValidationError

from rulecap.language import types as t
from rulecap.language.functions import ALL_NAMES
from rulecap.language.grammar import CONSTANTS
from rulecap.language.infer import infer
from rulecap.language.scope import ParameterValue, Scope
from rulecap.language.terms import Remembered as Kept
from rulecap.language.unit_errors import clash_code, rewritten
from rulecap.policy.checks.columns import check_columns
from rulecap.policy.checks.coverage import check_adjustments, check_coverage
from rulecap.policy.checks.decisions import check_decision, check_hand_overs
from rulecap.policy.checks.history import check_history
from rulecap.policy.checks.inputs import check_inputs, declared_snapshot
from rulecap.policy.checks.parameters import check_parameters
from rulecap.policy.checks.reach import check_reach
from rulecap.policy.checks.rows import check_rows
from rulecap.policy.faulty_lines import FaultyLines
from rulecap.policy.graph import MEMORY, apart, circle_problem, graph_of, order
from rulecap.policy.model import Decision, Input, Panel, Parameter, PolicyText, Remembered
from rulecap.policy.nodes import Mapping, entries_of, problem_at, text_at
from rulecap.policy.overlay import SECTIONS
from rulecap.policy.plan import Plan, plan_of
from rulecap.policy.typed import TypedMemory, TypedPolicy
from rulecap.policy.vocabulary import Vocabulary
from rulecap.problems import Problem
from rulecap.rules.kinds import KINDS
from rulecap.rules.parts import Part, Rule
from rulecap.snapshot import Snapshot

NAMES_MISSING = ("unknown-name", "missing-key")
P = TypeVar("P", bound=Part)


def read_policy(node: Mapping, faulty: FaultyLines) -> PolicyText:
    """Return the policy that a merged document is; parts in which something was found already are left out."""
    return PolicyText(
        node,
        text_at(node, "policy") or "",
        text_at(node, "version") or "",
        text_at(node, "title") or "",
        _section(node, "inputs", Input, faulty),
        _section(node, "parameters", Parameter, faulty),
        _section(node, "memory", Remembered, faulty),
        _section(node, "decisions", Decision, faulty),
        _rules(node, faulty),
        _section(node, "history", Panel, faulty),
    )


def _section(node: Mapping, name: str, model: type[P], faulty: FaultyLines) -> dict[str, P]:
    found = {}
    for key, part in entries_of(node.get(name)):
        try:
            if not faulty.within(key, part):
                found[key.text] = model.model_validate(part)
        except ValidationError:  # nothing of the schema's is refused here; what is, `_unread` reports
            continue
    return found


def _rules(node: Mapping, faulty: FaultyLines) -> dict[str, Rule]:
    found: dict[str, Rule] = {}
    for key, part in entries_of(node.get("rules")):
        model = KINDS.get(text_at(part, "kind") or "")
        if model is None or not isinstance(part, Mapping) or faulty.within(key, part):
            continue
        try:
            found[key.text] = model.read(key, part)
        except ValidationError:  # as above
            continue
    return found


def check_policy(node: Mapping, problems: list[Problem]) -> TypedPolicy:
    """Return the checked policy; everything that is wrong goes into `problems`."""
    faulty = FaultyLines(problems)
    text = read_policy(node, faulty)
    if not problems:
        problems += _unread(text, node)
    before = len(problems)
    policy = _typed(text, node, problems)
    check_columns(policy, problems)
    check_adjustments(policy, problems)
    check_rows(policy, problems)
    if faulty.outside(node):  # what seems to have no name may stand in what could not be read
        problems[before:] = [one for one in problems[before:] if one.code not in NAMES_MISSING]
    plans = _plans(policy)
    check_coverage(policy, plans, problems)
    check_reach(policy, plans, problems)
    return policy


def _typed(text: PolicyText, node: Mapping, problems: list[Problem]) -> TypedPolicy:
    """Return the policy with the types of all its parts."""
    _names(node, problems)
    parameters, dated = check_parameters(text, problems)
    snapshot = declared_snapshot(text, problems)
    words, memory, in_order = _checked(text, snapshot, parameters, node)
    problems += words.problems
    words.problems = problems
    decisions = {name: check_decision(name, one, words) for name, one in text.decisions.items()}
    check_hand_overs(text, problems)
    inputs = check_inputs(text, snapshot, problems)
    history = check_history(text, words.rules, _keys(node, "rules"), problems)
    return TypedPolicy(
        text,
        snapshot,
        parameters,
        dated,
        words.rules,
        memory,
        decisions,
        inputs,
        tuple(in_order),
        words.demands,
        history,
    )


def _plans(policy: TypedPolicy) -> list[Plan]:
    """Return the plans of the decisions, but of those with a wrong path in `requires`: nobody knows what they lack."""
    written = policy.text.decisions
    sound = [one for name, one in policy.decisions.items() if set(written[name].requires) <= set(one.requires)]
    return [plan_of(policy, decision) for decision in sound]


def _keys(node: Mapping, section: str) -> frozenset[str]:
    """Return the names of a section, also of those parts that could not be read."""
    return frozenset(key.text for key, _ in entries_of(node.get(section)))


def _unread(text: PolicyText, node: Mapping) -> list[Problem]:
    """Nothing is left out silently: a part that the schema took and the model does not is a finding."""
    return [
        problem_at(key, "not-understood", f"{key.text} has a form that the language does not know")
        for section in SECTIONS
        for key, _ in entries_of(node.get(section))
        if key.text not in getattr(text, section)
    ]


def _checked(
    text: PolicyText, snapshot: t.Record, parameters: dict[str, ParameterValue], node: Mapping
) -> tuple[Vocabulary, dict[str, TypedMemory], list[str]]:
    """Return the checked rules and memory, and the order of both.

    Which names a memory holds follows from the rules, and those may read it. So where one holds names, the rules are
    checked as often as it takes until none is new; what is found the last time counts.
    """
    held: dict[str, frozenset[str] | None] = {}
    while True:
        rules, remembered = _keys(node, "rules"), _keys(node, "memory")
        words = Vocabulary(
            text, snapshot, parameters, [], written_rules=rules, written_memory=remembered, remembered=held
        )
        in_order = _check_rules(text, words)
        memory = {name: _memory(name, words) for name in text.memory}
        found = {name: kind.options for name, one in memory.items() if isinstance(kind := t.strip(one.type), t.Text)}
        together = {name: _both(held.get(name, frozenset()), names) for name, names in found.items()}
        if together == held:
            return words, memory, in_order
        held = together


def _both(known: frozenset[str] | None, found: frozenset[str] | None) -> frozenset[str] | None:
    return None if known is None or found is None else known | found


def _check_rules(text: PolicyText, words: Vocabulary) -> list[str]:
    graph = graph_of(text)
    in_order, circles = order(graph)
    words.problems += [circle_problem(circle, graph) for circle in apart(circles)]
    circular = {name for circle in circles for name in circle}
    for name in in_order:
        if name in circular:
            continue
        if name.startswith(MEMORY):
            words.check_memory(name.removeprefix(MEMORY))
        else:
            words.check_rule(name)
    return [name for name in in_order if name not in circular]


def _memory(name: str, words: Vocabulary) -> TypedMemory:
    written = words.text.memory[name]
    following = infer(written.next, Scope(words, words.problems, words.demands.setdefault("memory", {})))
    kind = words.memory_type(name)
    joined = t.unify(kind, following.type)
    if joined is None:
        message = f"{name} holds what is {t.described(kind)}, its next value is {t.described(following.type)}"
        tree = written.next.tree
        hint = rewritten(tree, t.strip(following.type), t.strip(kind)) if tree is not None else ""
        words.problems.append(written.next.problem(0, clash_code(kind, following.type), message, hint))
    elif (
        (isinstance(following.type, t.Optional) or following.type == t.NOTHING)
        and not isinstance(kind, t.Optional)
        and kind not in (t.UNKNOWN, t.NOTHING)
    ):
        words.problems.append(
            written.next.problem(
                0,
                "optional-not-discharged",
                f"{name} may become none",
                f"write default({written.next.text}, …), or start it as none",
            )
        )
    start = words.starts.get(name)
    handed_on = isinstance(following, Kept) and following.name == name  # what others put there stays as it is
    kind = _named(kind, t.TEXT if handed_on else following.type, start.type if start else t.UNKNOWN)
    return TypedMemory(kind, (written.start, start or following), (written.next, following))


def _named(kind: t.Type, following: t.Type, start: t.Type) -> t.Type:
    """Return the memory's type with all names that it can hold, where they are known."""
    if not isinstance(t.strip(kind), t.Text):
        return kind
    joined = t.unify(t.strip(following), t.strip(start)) if start != t.NOTHING else t.strip(following)
    options = replace(joined) if isinstance(joined, t.Text) else t.TEXT
    return t.optional(options) if isinstance(kind, t.Optional) else options


def _names(node: Mapping, problems: list[Problem]) -> None:
    """A name means one thing: rules and parameters share one space with the snapshot and the language's words."""
    taken = {
        **dict.fromkeys(Snapshot.model_fields, "a part of the snapshot"),
        **dict.fromkeys(ALL_NAMES, "a function of the language"),
    }
    taken |= {
        **dict.fromkeys(CONSTANTS, "a word of the language"),
        "memory": "a word of the language",
        "value": "the running value of an adjust rule",
    }
    for section in ("parameters", "rules"):
        for key, _ in entries_of(node.get(section)):
            if key.text in taken:
                problems.append(problem_at(key, "name-taken", f"{key.text} is {taken[key.text]}", "take another name"))
            taken[key.text] = f"the name of another of the policy's {section}"
    if "decisions" not in node and "extends" not in node:
        problems.append(problem_at(node, "missing-key", "a policy has decisions", "write decisions: {…}"))
