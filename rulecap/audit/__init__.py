"""The audit log: every decision on record, provable, replayable."""

from rulecap.audit.errors import LogError
from rulecap.audit.keys import UnusableKey
from rulecap.audit.ledger import Ledger
from rulecap.audit.log import Log
from rulecap.audit.opening import open_ledger, open_log

__all__ = ["Ledger", "Log", "LogError", "UnusableKey", "open_ledger", "open_log"]
