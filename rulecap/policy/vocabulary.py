"""What a policy's names mean, as far as it has been checked; a rule is checked behind those that it reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rulecap.language import types as t
from rulecap.language.infer import infer
from rulecap.language.scope import Cases, ParameterValue, Reader, Scope
from rulecap.language.terms import Const, Term
from rulecap.language.unit_errors import clash_code, rewritten
from rulecap.policy.model import PolicyText
from rulecap.problems import Problem
from rulecap.rules.typed import Typed


@dataclass(slots=True)
class Vocabulary:
    """The names of one policy; grows while its rules are checked, and is read only through a Scope."""

    text: PolicyText
    snapshot: t.Record
    parameters: Mapping[str, ParameterValue]
    problems: list[Problem]
    rules: dict[str, Typed] = field(default_factory=dict)
    memory: dict[str, t.Type] = field(default_factory=dict)
    starts: dict[str, Term] = field(default_factory=dict)
    demands: dict[str, dict[str, Reader]] = field(default_factory=dict)
    written_rules: frozenset[str] = frozenset()
    written_memory: frozenset[str] = frozenset()
    remembered: Mapping[str, frozenset[str] | None] = field(default_factory=dict)

    def rule_names(self) -> frozenset[str]:
        """Return the names of all rules, also of those that could not be read."""
        return self.written_rules

    def memory_names(self) -> frozenset[str]:
        """Return the names in memory, also of those that could not be read."""
        return self.written_memory

    def rule_type(self, name: str) -> t.Type:
        """Return the type of a rule's value; unknown where the rule is wrong, which is reported there."""
        return self.rules[name].type if name in self.rules else t.UNKNOWN

    def rule_kind(self, name: str) -> str:
        """Return the kind of a rule."""
        return self.text.rules[name].kind if name in self.text.rules else ""

    def cases(self, name: str) -> Cases | None:
        """Return the cases of a bands or table rule."""
        return self.rules[name].cases if name in self.rules else None

    def remembered_names(self, name: str) -> t.Text:
        """Return the type of a remembered name: of those in `remembered`, none as long as nothing is known of it."""
        return t.Text(self.remembered.get(name, frozenset()))

    def memory_type(self, name: str) -> t.Type:
        """Return the type of a remembered value."""
        return self.memory.get(name, t.UNKNOWN)

    def scope(self, name: str) -> Scope:
        """Return a scope whose demands are kept under a name."""
        return Scope(self, self.problems, self.demands.setdefault(name, {}))

    def check_rule(self, name: str) -> None:
        """Check a rule and keep it."""
        rule = self.text.rules[name]
        self.rules[name] = rule.check(self.scope(name))  # type: ignore[attr-defined]  # every kind has `check`

    def check_memory(self, name: str) -> None:
        """Take a remembered value's type from what it declares, else from where it starts."""
        written = self.text.memory[name]
        term = infer(written.start, self.scope("memory." + name))
        kind = term.type
        word = written.unit or written.type
        if word is not None:
            declared = t.declared(word)
            if t.unify(declared, t.strip(kind)) is None and kind != t.NOTHING:
                message = f"{name} is declared as {word}, it starts as what is {t.described(kind)}"
                tree = written.start.tree
                hint = rewritten(tree, t.strip(kind), declared) if tree is not None else ""
                self.problems.append(written.start.problem(0, clash_code(kind, declared), message, hint))
            declared = self.remembered_names(name) if declared == t.TEXT else declared
            kind = t.optional(declared) if kind == t.NOTHING or isinstance(kind, t.Optional) else declared
        elif kind in (t.NOTHING, t.BARE):
            self.problems.append(
                written.start.problem(0, "missing-unit", f"say what {name} will hold", "write unit: USD or type: time")
            )
            kind = t.UNKNOWN
        elif isinstance(kind, t.Text):
            kind = self.remembered_names(name)
        elif not _is_remembered(kind):
            message = f"{name} would hold {t.described(kind)}: memory holds numbers, names, flags and times"
            self.problems.append(written.start.problem(0, "wrong-type", message))
            kind = t.UNKNOWN
        self.memory[name] = kind
        self.starts[name] = term if term.type != t.UNKNOWN else Const(t.UNKNOWN, 0, None)


def _is_remembered(kind: t.Type) -> bool:
    inner = t.strip(kind)
    return isinstance(inner, t.Number | t.Text) or inner in (t.FLAG, t.TIME, t.UNKNOWN)
