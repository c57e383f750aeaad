"""One number changed in the YAML changes the answer, and the trace names the file and line where it stands."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from rulecap import Policy, load_policy
from rulecap.engine.decision import Decision
from tests.promises.shipped import CALM, ROOT, SHIPPED, shipped


def line_of(folder: Path, file: str, text: str) -> int:
    lines = (folder / file).read_text().splitlines()
    found = [number for number, line in enumerate(lines, 1) if text in line]
    assert len(found) == 1, (file, text, found)
    return found[0]


def changed(tmp_path: Path, file: str, before: str, after: str) -> tuple[Policy, int]:
    """Return the default policy with one text replaced, and the line on which it stands."""
    folder = tmp_path / "default"
    shutil.copytree(ROOT / "policies" / "default", folder)
    line = line_of(folder, file, before)
    text = (folder / file).read_text()
    (folder / file).write_text(text.replace(before, after))
    return load_policy(folder), line


PLACE = re.compile(r"([\w./-]+\.yaml):(\d+)")


def lines_named(answer: Decision) -> set[tuple[str, int]]:
    """Return every file and line that a trace names."""
    found: set[tuple[str, int]] = set()

    def walk(value: Any, file: str) -> None:
        if isinstance(value, dict):
            file = value.get("file", file) if isinstance(value.get("file", file), str) else file
            if isinstance(value.get("line"), int):
                found.add((file, value["line"]))
            for part in value.values():
                walk(part, file)
        elif isinstance(value, list):
            for part in value:
                walk(part, file)
        elif isinstance(value, str) and (place := PLACE.fullmatch(value)):
            found.add((place[1], int(place[2])))

    for step in answer.trace.steps:
        walk(step, step["source"]["file"])
    return found


def test_the_orange_threshold_is_the_yamls(tmp_path: Path) -> None:
    policy, line = changed(tmp_path, "margin.yaml", "{name: YELLOW_ZONE, below: 75%", "{name: YELLOW_ZONE, below: 60%")
    snapshot = {**CALM, "account": {**CALM["account"], "margin_used": 6_500.0}}
    before, after = shipped("default").evaluate(snapshot, "margin"), policy.evaluate(snapshot, "margin")
    assert (before.outputs["zone"], after.outputs["zone"]) == ("YELLOW_ZONE", "ORANGE_ZONE")
    zone = next(step for step in after.trace.steps if step["rule"] == "zone")
    assert [case["to"] for case in zone["detail"]["cases"]] == [50.0, 60.0, 90.0, None]
    assert ("margin.yaml", line) in lines_named(after)


def test_the_kelly_cap_is_the_yamls(tmp_path: Path) -> None:
    policy, line = changed(tmp_path, "scaling.yaml", "risk: {min: 1%, max: 2%}", "risk: {min: 1%, max: 1.25%}")
    before, after = shipped("default").evaluate(CALM), policy.evaluate(CALM)
    assert before.outputs["would_be"]["position_size_usd"] == pytest.approx(180.0)
    assert after.outputs["would_be"]["position_size_usd"] == pytest.approx(125.0)
    assert ("scaling.yaml", line) in lines_named(after)


def test_a_parameter_is_the_yamls(tmp_path: Path) -> None:
    _, line = changed(tmp_path, "parameters.yaml", "  kelly_share:", "  kelly_share:")
    folder = tmp_path / "default" / "parameters.yaml"
    folder.write_text(folder.read_text().replace("  kelly_share:\n    value: 0.5", "  kelly_share:\n    value: 0.4"))
    after = load_policy(folder.parent).evaluate(CALM)
    assert after.outputs["would_be"]["position_size_usd"] == pytest.approx(144.0)
    named = {number for file, number in lines_named(after) if file == "parameters.yaml"}
    assert named & {line, line + 1}, "the trace does not name the parameter's line"


def test_a_tiers_share_is_the_yamls(tmp_path: Path) -> None:
    policy, line = changed(
        tmp_path, "tiers.yaml", "share: 50%, leverage: {min: 3x, max: 5x}", "share: 0.1%, leverage: {min: 3x, max: 5x}"
    )
    before, after = shipped("default").evaluate(CALM), policy.evaluate(CALM)
    assert before.outputs["would_be"]["position_size_usd"] == pytest.approx(180.0)
    assert after.outputs["would_be"]["position_size_usd"] == pytest.approx(10.0 * after.outputs["optimal_leverage"])
    room = next(one for one in after.outputs["adjustments"] if one["name"] == "tier room")
    assert room["source"]["file"] == "recommendation.yaml"
    assert ("tiers.yaml", line) in lines_named(after)


def test_an_overlays_number_is_named_by_the_overlays_line(tmp_path: Path) -> None:
    overlay = tmp_path / "own.yaml"
    overlay.write_text(
        "language: 1\nextends: default\npolicy: own\nversion: 1.0.0\ntitle: Own\nset:\n  drawdown.NORMAL.size: 0.5\n"
    )
    answer = load_policy(overlay).evaluate(CALM)
    assert answer.outputs["would_be"]["position_size_usd"] == pytest.approx(90.0)
    assert ("own.yaml", 7) in lines_named(answer), sorted(lines_named(answer))[:5]


@pytest.mark.parametrize("name", SHIPPED)
def test_the_lines_that_a_trace_names_are_those_of_its_rules(name: str) -> None:
    answer = shipped(name).evaluate(CALM | {"signal": {**CALM["signal"], "stop_distance_pct": 2.0}})
    files = {one: content.decode().splitlines() for one, content in shipped(name).files.items()}
    assert answer.trace.steps
    for step in answer.trace.steps:
        lines = files[step["source"]["file"]]
        around = "\n".join(lines[max(0, step["source"]["line"] - 3) : step["source"]["line"] + 1])
        assert step["rule"] in around, step["source"]
    for entry in answer.outputs["adjustments"]:
        lines = files[entry["source"]["file"]]
        near = "\n".join(lines[entry["source"]["line"] - 1 : entry["source"]["line"] + 1])
        assert entry["name"].split("'")[0] in near
