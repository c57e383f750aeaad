"""Decisions: their outputs, what they answer when something is wrong, what they ask of the snapshot."""

from collections.abc import Iterator

from rulecap.language import types as t
from rulecap.language.expression import Expression
from rulecap.language.infer import Inference, infer
from rulecap.language.inputs import whole_fields
from rulecap.language.literals import jsonable, literal
from rulecap.language.paths import holder_of
from rulecap.language.presence import proven_by
from rulecap.language.scope import Scope
from rulecap.language.terms import Adjustments, Dated, Lookup, Remembered, Rows, RuleValue, Term, walk
from rulecap.policy.checks.fallbacks import check_fallbacks
from rulecap.policy.checks.inputs import follow
from rulecap.policy.checks.monitored import execute_of, watch_of
from rulecap.policy.model import Decision, HandOver, Outputs, PolicyText, Say
from rulecap.policy.nodes import Mapping, Node, Scalar, Sequence, entries_of, items_of, problem_at
from rulecap.policy.typed import OutputTerms, Told, TypedDecision
from rulecap.policy.vocabulary import Vocabulary
from rulecap.problems import Problem, did_you_mean
from rulecap.rules.code import template_terms


def check_decision(name: str, decision: Decision, words: Vocabulary) -> TypedDecision:
    """Return the decision with its terms; what it demands stays with the vocabulary under `decision.name`."""
    scope = words.scope(f"decision.{name}")
    outputs = _outputs(decision.outputs, scope)
    on_error = literal(decision.on_error, scope.problems) if decision.on_error is not None else None
    _covers(decision.outputs, decision.on_error, decision, scope.problems)
    check_fallbacks(outputs, decision.on_error, scope.problems)
    requires, guaranteed = _requires(decision, words)
    return TypedDecision(
        name,
        decision.title or name,
        requires,
        guaranteed,
        tuple(_hand_over(one, name, words) for one in decision.hand_over),
        outputs,
        jsonable(on_error.value) if on_error and isinstance(on_error.value, dict) else {},  # type: ignore[arg-type]  # a dict stays one
        tuple(_told(one, scope) for one in decision.explain),
        decision.location,
        decision.answers_anyway,
        _verdict(decision, outputs, scope.problems),
        _opens(decision, outputs, scope.problems),
        watch_of(decision, outputs, scope.problems),
        execute_of(decision, outputs, scope.problems),
    )


def _outputs(outputs: Outputs, scope: Scope) -> OutputTerms:
    typed: OutputTerms = {}
    for name, part in outputs.items():
        if isinstance(part, dict):
            typed[name] = _outputs(part, scope)
            continue
        term = infer(part, scope)
        if t.strip(term.type) in (t.BOOK, t.MATRIX):
            scope.problems.append(
                part.problem(0, "wrong-type", f"{name} would be a whole {t.strip(term.type)}: that is no answer")
            )
        typed[name] = (part, term)
    return typed


def _verdict(decision: Decision, outputs: OutputTerms, problems: list[Problem]) -> str | None:
    """Return the output that is the decision's verdict; it is a text, and so is what it is in case of an error."""
    name, node = decision.verdict, decision.node.get("verdict")
    if name is None or node is None:
        return None
    if name not in outputs:
        hint = did_you_mean(name, outputs)
        problems.append(problem_at(node, "unknown-name", f"the decision has no output {name}", hint))
        return None
    output = outputs[name]
    is_text = "a verdict is a name or a text"
    if isinstance(output, dict):
        problems.append(problem_at(node, "wrong-type", f"{name} has parts: {is_text}", "name an output without parts"))
        return None
    if not _is_text(output[1].type):
        what = t.described(output[1].type)
        problems.append(problem_at(node, "wrong-type", f"{name} is {what}: {is_text}", "name another output"))
        return None
    return name


def _opens(decision: Decision, outputs: OutputTerms, problems: list[Problem]) -> tuple[str, ...]:
    """Return the verdicts on which a position is opened; each is one that the decision can give."""
    node = decision.node.get("opens")
    if not isinstance(node, Sequence):
        return ()
    if decision.verdict is None:
        message = "a position is opened on a verdict, and the decision has none"
        problems.append(problem_at(node, "not-allowed-here", message, "name the output with verdict:"))
    output = outputs.get(decision.verdict or "")
    kind = t.UNKNOWN if output is None or isinstance(output, dict) else t.strip(output[1].type)
    possible = kind.options if isinstance(kind, t.Text) else None
    for verdict, item in zip(decision.opens, node.items, strict=True):
        if possible is not None and verdict not in possible:
            message = f"{decision.verdict} is never {verdict}"
            problems.append(problem_at(item, "unknown-name", message, did_you_mean(verdict, possible)))
    return decision.opens


def _is_text(kind: t.Type) -> bool:
    return isinstance(t.strip(kind), t.Text) or kind == t.UNKNOWN


def _told(line: object, scope: Scope) -> Told:
    assert isinstance(line, Say)  # the model reads every line as one
    if line.when is None:
        return None, template_terms(line.say, lambda expression: infer(expression, scope))
    when = _condition(line.when, scope)
    within = scope.knowing(proven_by(line.when, True))
    return (line.when, when), template_terms(line.say, lambda expression: infer(expression, within))


def _condition(expression: Expression, scope: Scope) -> Term:
    term = infer(expression, scope)
    if expression.tree is not None:
        Inference(expression, scope).condition(expression.tree, term)
    return term


def _covers(outputs: Outputs, node: Node | None, decision: Decision, problems: list[Problem]) -> None:
    """Every output has an answer in case of an error, and nothing else has."""
    if not isinstance(node, Mapping):
        return
    for name, part in outputs.items():
        if name not in node:
            problems.append(
                problem_at(
                    node,
                    "missing-on-error",
                    f"{name} is missing: what is it when something is wrong?",
                    f"write {name}: none",
                )
            )
        elif isinstance(part, dict):
            _covers_parts(name, part, node.get(name), decision, problems)
    for key, _ in node.entries:
        if key.text not in outputs:
            problems.append(
                problem_at(
                    key, "unknown-name", f"the decision has no output {key.text}", did_you_mean(key.text, outputs)
                )
            )


def _covers_parts(name: str, part: Outputs, node: Node | None, decision: Decision, problems: list[Problem]) -> None:
    if isinstance(node, Mapping):
        _covers(part, node, decision, problems)
    elif node is not None and not (isinstance(node, Scalar) and node.value in (None, "none")):
        message = f"{name} has parts, this is a single value"
        problems.append(problem_at(node, "wrong-type", message, f"write {name}: none, or give every part"))


def _requires(decision: Decision, words: Vocabulary) -> tuple[tuple[str, ...], frozenset[str]]:
    items = items_of(decision.node.get("requires"))
    needed: dict[str, None] = {}
    guaranteed: set[str] = set()
    for item, path in zip(items, decision.requires, strict=True):
        kind, wrong, known = follow(path, words.snapshot)
        if kind is None:
            holder = holder_of(path, words.snapshot)
            hint = f"did you mean {holder}.{path}?" if holder is not None else did_you_mean(wrong, known)
            words.problems.append(problem_at(item, "unknown-name", f"the snapshot has no {path}", hint))
            continue
        for one in _whole(path, kind):
            needed.setdefault(one)
        guaranteed |= _implied([path, *_whole(path, kind)], words.snapshot)
    return tuple(needed), frozenset(guaranteed)


def _whole(path: str, kind: t.Type) -> list[str]:
    whole = sorted(whole_fields(path)) if isinstance(t.strip(kind), t.Record) else []
    return [path, *(f"{path}.{name}" for name in whole)]


def _implied(paths: list[str], snapshot: t.Record) -> set[str]:
    """Return the paths, those that lead to them, and the fields that these always have."""
    implied: set[str] = set()
    for path in paths:
        parts = path.split(".")
        for end in range(1, len(parts) + 1):
            prefix = ".".join(parts[:end])
            implied.add(prefix)
            kind, _, _ = follow(prefix, snapshot)
            record = t.strip(kind) if kind is not None else t.UNKNOWN
            if isinstance(record, t.Record):
                implied |= {
                    f"{prefix}.{name}" for name, field in record.fields.items() if not isinstance(field, t.Optional)
                }
    return implied


def _hand_over(written: HandOver, name: str, words: Vocabulary) -> tuple[tuple[Expression, Term], str]:
    scope = Scope(words, words.problems)
    term = _condition(written.when, scope)
    for one in walk(term):
        if isinstance(one, RuleValue | Remembered | Lookup | Rows | Adjustments | Dated):
            message = "this decides before anything is computed: it may read the snapshot and parameters only"
            words.problems.append(written.when.problem(one.offset, "not-allowed-here", message))
    for path, (expression, offset) in scope.demands.items():
        message, hint = f"{path} may be none here", f"write default({path}, …)"
        words.problems.append(expression.problem(offset, "optional-not-discharged", message, hint))
    return (written.when, term), written.to


def check_hand_overs(policy: PolicyText, problems: list[Problem]) -> None:
    """A decision hands over to another one that answers with the same outputs and itself hands nothing over."""
    written = {key.text for key, _ in entries_of(policy.node.get("decisions"))}
    for name, decision in policy.decisions.items():
        for one in decision.hand_over:
            node = one.node.get("to")
            assert isinstance(node, Scalar)  # the schema asks for it
            target = policy.decisions.get(one.to)
            if target is None and one.to in written:
                continue
            if target is None or one.to == name:
                problems.append(
                    problem_at(
                        node,
                        "unknown-name",
                        f"there is no other decision {one.to}",
                        did_you_mean(one.to, [other for other in policy.decisions if other != name]),
                    )
                )
            elif target.hand_over:
                problems.append(problem_at(node, "not-allowed-here", f"{one.to} hands over itself: once is enough"))
            elif set(_leaves(target.outputs)) != set(_leaves(decision.outputs)):
                differing = sorted(set(_leaves(target.outputs)) ^ set(_leaves(decision.outputs)))
                problems.append(
                    problem_at(
                        node, "wrong-type", f"{one.to} answers with other outputs: {', '.join(differing)} differ"
                    )
                )


def _leaves(outputs: Outputs, prefix: str = "") -> Iterator[str]:
    for name, part in outputs.items():
        if isinstance(part, dict):
            yield from _leaves(part, f"{prefix}{name}.")
        else:
            yield prefix + name
