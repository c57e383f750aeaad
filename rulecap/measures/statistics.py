"""What a measured share of wins is worth, given how many trades it was measured on."""

from math import sqrt


def lower_confidence_bound(share: float, trials: float, z: float) -> float:
    """Return the one-sided lower bound of the Wilson score interval of a share, a ratio; 0 without trials.

    (p + z²/2n − z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n). Source: E. B. Wilson, "Probable inference, the law of
    succession, and statistical inference", JASA 22 (1927). z is 1.2816 for one-sided 90 %, 1.6449 for 95 %.

    Args:
        share: the measured share p, within 0 and 1.
        trials: how many times it was tried, n.
        z: the normal quantile of the confidence wanted.
    """
    if not trials > 0.0:
        return 0.0
    p = min(max(share, 0.0), 1.0)
    z2 = z * z / trials
    bound = (p + z2 / 2.0 - z * sqrt(p * (1.0 - p) / trials + z2 / (4.0 * trials))) / (1.0 + z2)
    return min(max(bound, 0.0), 1.0)
