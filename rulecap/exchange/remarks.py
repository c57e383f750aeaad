"""What is to be known of an account beside its figures: said in the log once, not at each reading."""

import logging

from rulecap.problems import shown

log = logging.getLogger("rulecap.exchange")


class Remarks:
    """What was said of an account."""

    def __init__(self) -> None:
        """Have said nothing yet."""
        self._collateral: tuple[str, ...] = ()
        self._options = False

    def collateral(self, assets: tuple[str, ...]) -> None:
        """Say that other assets are margin too, which are no equity here: a zone may be redder than it is."""
        if assets and assets != self._collateral:
            text = "other assets are margin too, and are not counted: %s"
            log.warning(text, ", ".join(map(shown, assets)), extra={"code": "other-collateral"})
        self._collateral = assets

    def options_untold(self) -> None:
        """Say that the key is not told whether there are options in the account."""
        if not self._options:
            text = "whether there are options in the account is not told to this key: they are not counted"
            log.warning(text, extra={"code": "options-untold"})
        self._options = True
