"""Why a verdict is as it is: single changes that would have changed it, each verified by evaluation."""

from rulecap.audit.why.asking import why
from rulecap.audit.why.changes import Change, Counts, Findings
from rulecap.audit.why.telling import render

__all__ = ["Change", "Counts", "Findings", "render", "why"]
