"""Actions: for which elements, in which order, until when."""

from hypothesis import given
from hypothesis import strategies as st

from rulecap.rules.actions import lines
from tests.written import decide, detail, policy

REDUCTIONS = policy("""
inputs: {facts.zone: {type: text}, facts.until: {unit: USD}}
rules:
  do:
    kind: actions
    actions:
      - when: facts.zone == 'ORANGE'
        for: positions as p
        do: {action: REDUCE, symbol: p.symbol, quantity: p.quantity * 0.30}
      - when: facts.zone == 'RED'
        for: positions as p
        where: p.side == LONG
        first: p.unrealized_pnl / p.margin if p.margin > 0 USD else none
        sums: {freed: p.margin}
        while: account.margin_used - freed >= facts.until
        do: {action: CLOSE, symbol: p.symbol, quantity: p.quantity}
""")


def done(zone: str, positions: list[dict[str, object]], until: float = 0, used: float = 100) -> list[tuple[str, str]]:
    outputs = decide(
        REDUCTIONS, positions=positions, facts={"zone": zone, "until": until}, account={"margin_used": used}
    ).outputs
    return [(one["action"], one["symbol"]) for one in outputs["do"]]


def position(symbol: str, pnl: float = 0, margin: float = 10, side: str = "LONG") -> dict[str, object]:
    return {"symbol": symbol, "unrealized_pnl": pnl, "margin": margin, "side": side}


def test_nothing_where_no_condition_holds() -> None:
    assert done("GREEN", [position("A")]) == []
    assert done("RED", []) == []


def test_every_element_in_the_lists_order() -> None:
    assert done("ORANGE", [position("B"), position("A")]) == [("REDUCE", "B"), ("REDUCE", "A")]
    given = {"zone": "ORANGE", "until": 0}
    [one] = decide(REDUCTIONS, positions=[{"quantity": 2}], facts=given).outputs["do"]
    assert one == {"action": "REDUCE", "symbol": "BTCUSDT", "quantity": 0.6}


def test_the_lowest_first_none_last_ties_in_the_lists_order() -> None:
    positions = [
        position("NONE", margin=0), position("B", -5), position("A", -9), position("C", -5),
        position("SHORT", -99, side="SHORT"),
    ]  # fmt: skip
    assert [symbol for _, symbol in done("RED", positions)] == ["A", "B", "C", "NONE"]


def test_while_is_asked_before_each_element_with_the_sums_so_far() -> None:
    positions = [position(name, margin=30) for name in "ABCD"]
    assert [symbol for _, symbol in done("RED", positions, until=50)] == ["A", "B"]
    assert [symbol for _, symbol in done("RED", positions, until=40)] == ["A", "B", "C"]
    assert done("RED", positions, until=100.01) == []
    assert [symbol for _, symbol in done("RED", positions, until=100)] == ["A"]


def test_the_trace_shows_whether_an_action_held_and_for_how_many() -> None:
    facts = {"zone": "RED", "until": 50}
    positions = [position("A"), position("B", side="SHORT")]
    shown = detail(decide(REDUCTIONS, positions=positions, facts=facts), "do")["actions"]
    told = [(one["when"], one["holds"], one["candidates"]) for one in shown]
    assert told == [("facts.zone == 'ORANGE'", False, 0), ("facts.zone == 'RED'", True, 1)]
    assert (shown[1]["where"], shown[1]["while"]) == ("p.side == LONG", "account.margin_used - freed >= facts.until")


def test_the_trace_names_what_a_condition_leaves_out() -> None:
    text = """
    rules:
      do:
        kind: actions
        actions:
          - {for: positions as p, where: "default(p.tradable, true)", do: {a: p.symbol}}
          - {when: "count(positions) > 99", for: positions as p, where: "p.margin > 0 USD", do: {a: p.symbol}}
    """
    told = {"A": None, "B": False, "C": True, "D": False}
    positions = [{**position(name), **({} if one is None else {"tradable": one})} for name, one in told.items()]
    answer = decide(text, positions=positions)
    assert [one["a"] for one in answer.outputs["do"]] == ["A", "C"]
    shown = detail(answer, "do")["actions"]
    assert [(one["left_out"], one["left_out_count"]) for one in shown] == [(["B", "D"], 2), ([], 0)]
    assert "  left out, because not default(p.tradable, true): B, D" in lines({"actions": shown})
    assert len(lines({"actions": shown})) == 3


def test_a_long_list_of_what_is_left_out_is_counted_to_its_end() -> None:
    text = """
    rules:
      do: {kind: actions, actions: [{for: positions as p, where: "p.margin > 50 USD", do: {a: p.symbol}}]}
    """
    shown = detail(decide(text, positions=[position(f"P{at}") for at in range(25)]), "do")["actions"]
    assert (shown[0]["candidates"], len(shown[0]["left_out"]), shown[0]["left_out_count"]) == (0, 20, 25)
    assert lines({"actions": shown})[1].endswith("P19 and 5 more")


def test_two_sums_and_two_actions_one_after_the_other() -> None:
    text = """
    rules:
      do:
        kind: actions
        actions:
          - {for: positions as p, sums: {m: p.margin, n: 1}, while: m < 30 USD and n < 3, do: {a: p.symbol, n: 1}}
          - {for: positions as p, sums: {m: p.margin}, while: m < 10 USD, do: {a: p.symbol, n: 2}}
    """
    positions = [position(name) for name in "ABCDE"]
    outputs = decide(text, positions=positions).outputs["do"]
    assert [(one["a"], one["n"]) for one in outputs] == [("A", 1), ("B", 1), ("C", 1), ("A", 2)]


@given(st.lists(st.tuples(st.integers(-9, 9), st.sampled_from([0, 10, 20, 30])), max_size=6), st.integers(0, 120))
def test_what_is_closed_is_just_enough(positions: list[tuple[int, int]], until: int) -> None:
    held = [position(f"P{at}", pnl, margin) for at, (pnl, margin) in enumerate(positions)]
    closed = [symbol for _, symbol in done("RED", held, until=until)]
    margins = {one["symbol"]: one["margin"] for one in held}
    freed = [sum(margins[symbol] for symbol in closed[:at]) for at in range(len(closed) + 1)]  # type: ignore[misc]
    assert all(100 - before >= until for before in freed[:-1])
    assert 100 - freed[-1] < until or len(closed) == len(held)
