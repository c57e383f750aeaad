"""A document as it comes out: every output and every computed table as the program gives it."""

import json
from pathlib import Path

from tests.docs.document import Document, row
from tests.docs.reader import SNAPSHOT, Reader, same
from tests.docs.tables import Tables


def rewritten(document: Document, folder: Path) -> str:
    """Return the document's text with what comes out; an output with `...` must be right as it is."""
    text = document.text
    for block, expected, shown in reversed(list(Reader(document, folder).differences())):
        if not same(expected, shown):
            place = f"{document.path.name}:{block.line}: {block.what}"
            assert "..." not in expected, f"{place}: what is shortened by `...` is to be put right by hand:\n{shown}"
            lines = "".join(f"{line.rstrip()}\n" for line in shown.strip("\n").splitlines())
            text = text[: block.start] + lines + text[block.start + len(expected) :]
    return _with_tables(Document(document.path, text), folder)


def _with_tables(document: Document, folder: Path) -> str:
    files = {block.what: block.text for block in document.blocks()}
    tables, text = Tables(folder, files.get("names", ""), json.loads(files.get(SNAPSHOT, "{}"))), document.text
    for table in reversed(list(document.tables())):
        rows = tables.rows(table)
        if rows is not None:
            text = text[: table.start] + "".join(map(row, rows)) + text[table.end :]
    return text
