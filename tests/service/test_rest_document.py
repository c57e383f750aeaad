"""docs/rest.md says what is: every request in it is asked, and its answer is the one that comes out."""

from difflib import unified_diff

from tests.service.rest_document import ADDRESS, PAGE, ask, commands, rewritten

README = PAGE.parents[1] / "README.md"


def test_every_answer_in_the_document_comes_out():
    text = PAGE.read_text(encoding="utf-8")
    difference = unified_diff(text.splitlines(), rewritten(text).splitlines(), PAGE.name, "what comes out", lineterm="")
    assert "\n".join(difference) == ""


def test_every_endpoint_is_in_the_document(client):
    told = "\n".join(commands(PAGE.read_text(encoding="utf-8")))
    paths = [path for path in client.get("/openapi.json").json()["paths"] if path != "/openapi.json"]
    endless = {"/api/events"}  # told in a block of its own: it never ends
    absent = [path for path in paths if path.partition("{")[0].rstrip("/") not in told and path not in endless]
    assert absent == []


def test_each_request_of_the_readme_is_answered_and_every_endpoint_of_the_specification_is_among_them(client):
    asked = [line for line in README.read_text(encoding="utf-8").splitlines() if line.startswith("curl ")]
    answers = [ask(client, command) for command in asked]
    assert [answer.status_code for answer in answers] == [200] * len(asked)
    paths = {path for path in client.get("/openapi.json").json()["paths"] if path.startswith("/api/capital/")}
    told = {path for path in paths if any(ADDRESS + path.partition("{")[0] in command for command in asked)}
    assert told == paths
