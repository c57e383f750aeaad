"""The scaffold around a piece of a policy: what makes `rules:` or `parameters:` alone a policy that can be run."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rulecap import Decision, Policy, load_policy
from rulecap.cli.decisions import decision_as_text
from rulecap.cli.terminal import Style
from rulecap.engine.explain import explain
from rulecap.policy.document import parse_document
from rulecap.policy.nodes import Mapping

HEAD = "language: 1\npolicy: example\nversion: 1.0.0\ninclude: [example.yaml]\n"
# Whatever a snapshot may lack is there, so that a piece may read it.
# A piece about what may be absent has its own decision.
REQUIRES = "[signal.score, signal.win_rate, signal.trades, market, market.brackets, book, assets, correlation]"


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a policy, as it stands in a document, in a folder of its own."""

    folder: Path
    text: str
    name: str = "example.yaml"

    def load(self, says: tuple[str, ...] = (), gives: tuple[str, ...] = ()) -> Policy:
        """Return the policy of piece and scaffold; `says` are expressions that its decision shows, `gives` outputs.

        Raises:
            rulecap.PolicyError: with every problem.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / self.name).write_text(self.text, encoding="utf-8")
        own = {"decisions", "extends", "policy"} & self.keys("")
        head = HEAD.replace("example.yaml", self.name)
        (self.folder / "policy.yaml").write_text(head if own else head + self._look(says, gives), encoding="utf-8")
        return load_policy(self.folder)

    def keys(self, section: str) -> set[str]:
        """Return the names in a section of the piece, or the sections."""
        node, _ = parse_document(self.text, self.name)
        part = node.get(section) if section and isinstance(node, Mapping) else node
        return {name for name, _ in part.items()} if isinstance(part, Mapping) else set()

    def _look(self, says: tuple[str, ...], gives: tuple[str, ...]) -> str:
        outputs = {name: name for name in ["as_of", *sorted(self.keys("rules"))]}
        outputs |= {f"given_{number}": json.dumps(one) for number, one in enumerate(gives)}
        lines = ["decisions:", "  look:", f"    requires: {REQUIRES}"]
        lines += ["    outputs:", *(f"      {name}: {one}" for name, one in outputs.items())]
        lines += ["    on_error:", *(f"      {name}: none" for name in outputs)]
        lines += ["    explain:", *(f'      - "{{{one}}}"' for one in says)] if says else []
        return "\n".join([*lines, ""])

    def shown(self, snapshot: dict[str, Any]) -> str:
        """Return what comes out: the answer where the piece has a decision, else what the trace says of its rules."""
        policy = self.load()
        decision = evaluated(policy, snapshot)
        if "decisions" in self.keys(""):
            return decision_as_text(policy, decision, Style(), policy.name)
        steps = [step for step in decision.trace.steps if step["rule"] in self.keys("rules")]
        return explain({"problems": [], "steps": steps}, []).replace("Every step, in order:\n", "")


def evaluated(policy: Policy, snapshot: dict[str, Any]) -> Decision:
    """Return the policy's first decision on a snapshot that it has to take."""
    decision = policy.evaluate(snapshot, decision=policy.decisions[0])
    assert decision.ok, "\n".join(problem.render() for problem in decision.problems)
    slow = policy.reference(snapshot, decision=policy.decisions[0])
    assert (slow.outputs, slow.memory) == (decision.outputs, decision.memory)
    return decision
