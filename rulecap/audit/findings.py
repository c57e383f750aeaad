"""What a verification found: each finding names the record, or the part of the log, and what is wrong with it."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was written.

    Attributes:
        code: `record-altered`, `record-missing`, `record-inserted`, `record-moved`, `columns-differ`, `node-altered`,
            `head-differs`, `not-signed`, `bad-signature`, `checkpoint-differs`, `checkpoint-ahead`, `other-log`,
            `bad-checkpoint`, `policy-missing`, `policy-altered`, `memory-differs`, `index-differs`, `log-damaged`.
        message: what is wrong, in words.
        seq: the record, none where it is about the log.
    """

    code: str
    message: str
    seq: int | None = None

    def render(self) -> str:
        """Return the finding as one line."""
        place = f"record {self.seq}: " if self.seq is not None else ""
        return f"{place}{self.message} [{self.code}]"

    def to_dict(self) -> dict[str, object]:
        """Return the finding as JSON types, with stable keys."""
        return {"code": self.code, "record": self.seq, "message": self.message}


MOST_FINDINGS = 1000


@dataclass(slots=True)
class Findings:
    """What was found so far; of a log that is wrong throughout, the first thousand and how many there are."""

    kept: list[Finding] = field(default_factory=list)
    count: int = 0

    def add(self, code: str, message: str, seq: int | None = None) -> None:
        """Note a finding."""
        self.count += 1
        if len(self.kept) < MOST_FINDINGS:
            self.kept.append(Finding(code, message, seq))


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification looked at, and what it found.

    Attributes:
        log: the log's id.
        size: how many records its head counts.
        root: the tree's root as recomputed from the records, hexadecimal.
        signed_by: names of the trusted keys whose signature on the head is good.
        checkpoints: how many checkpoints kept elsewhere agree.
        notes: what is no finding but worth knowing, such as a clock that went back.
        findings: what is wrong, empty where nothing is.
        count: how many findings there are in all.
    """

    log: str
    size: int
    root: str
    signed_by: tuple[str, ...]
    checkpoints: int
    notes: tuple[str, ...]
    findings: tuple[Finding, ...]
    count: int

    @property
    def fine(self) -> bool:
        """Whether nothing is wrong."""
        return not self.count
