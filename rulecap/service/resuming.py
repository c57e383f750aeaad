"""An exchange's account goes on from where the log ended: what was paid in or out, and how positions were entered."""

import logging

from rulecap.audit.last import last_deposits
from rulecap.audit.review.scores import EntryScores
from rulecap.engine.policy import Policy
from rulecap.service.counted import counted_of
from rulecap.service.sources import Source
from rulecap.service.venue import ExchangeSource

UNKEPT = (
    "what is counted of deposits is not kept over restarts: the log is no file that it could lie beside, and an entry"
    " that comes late into the venue's ledger may be a profit or a loss; name a folder: deposits_folder of the exchange"
)
log = logging.getLogger("rulecap.service")


def resume(source: Source, url: str, policy: Policy) -> None:
    """Have an exchange's account count deposits on from what is on record, and know the scores of its positions.

    Raises:
        LogError: the log cannot be read.
    """
    if not isinstance(source, ExchangeSource):
        return
    counted = counted_of(source.settings, url)
    if counted is not None:
        source.keep_in(counted)
    else:
        log.warning(UNKEPT, extra={"code": "deposits-unkept"})
    known = last_deposits(url, source.account_name)
    if known is not None:
        source.resume(*known)
    source.score_by(EntryScores(url, source.account_name, [policy]))
