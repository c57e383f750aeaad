"""`python -m tests.docs` writes into the documents what comes out today; read the difference before you keep it."""

import tempfile
from pathlib import Path

from tests.docs.document import NAMES, ROOT, Document
from tests.docs.rewrite import rewritten

for name in NAMES:
    with tempfile.TemporaryDirectory() as folder:
        document = Document(ROOT / "docs" / name)
        document.path.write_text(rewritten(document, Path(folder)), encoding="utf-8")
