"""An exchange's account goes on from where the log ended: what was paid in or out, and how positions were entered."""

from rulecap.audit.review.scores import EntryScores
from rulecap.engine.policy import Policy
from rulecap.service.counted import beside
from rulecap.service.reading import last_deposits
from rulecap.service.sources import Source
from rulecap.service.venue import ExchangeSource


def resume(source: Source, url: str, policy: Policy) -> None:
    """Have an exchange's account count deposits on from what is on record, and know the scores of its positions.

    Raises:
        LogError: the log cannot be read.
    """
    if not isinstance(source, ExchangeSource):
        return
    counted = beside(url, source.account_name)
    if counted is not None:
        source.keep_in(counted)
    known = last_deposits(url, source.account_name)
    if known is not None:
        source.resume(*known)
    source.score_by(EntryScores(url, source.account_name, [policy]))
