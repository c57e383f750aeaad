"""What stands open while the search for what would have changed a verdict moves it."""

from rulecap.audit.why.open_numbers import Cell, OpenNumber, OpenParts, held


def test_an_open_number_is_compared_as_what_it_is_now():
    number = OpenNumber("n", 5.0)
    number.now = 7.0
    assert [number < 7, number < 8, number <= 7, number <= 6.5, number > 7, number > 6, number >= 7, number >= 7.5] == [
        False, True, True, False, False, True, True, False,
    ]  # fmt: skip
    assert [number == 7, number == 5, number != 7] == [True, False, False]


def test_the_numbers_of_a_column_that_is_a_list_move_one_by_one():
    first, second = OpenNumber("a", 1.0), OpenNumber("b", 2.0)
    column: dict[str, object] = {}
    cell = Cell(column, "steps", (first, (second, 3.0)))
    parts = OpenParts({"a": first, "b": second}, {one.name: [cell] for one in held(cell.template)})
    assert set(parts.cells) == {"a", "b"}
    parts.move("b", 5.0)
    assert column == {"steps": (1.0, (5.0, 3.0))}
    parts.move("a", -1.0)
    assert repr(column) == "{'steps': (-1.0, (5.0, 3.0))}", "plain numbers"
