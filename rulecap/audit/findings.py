"""What a verification found: each finding names the record, or the part of the log, and what is wrong with it."""

from dataclasses import dataclass, field, replace

from rulecap.problems import cut


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was written.

    Attributes:
        code: `record-altered`, `record-missing`, `record-inserted`, `record-moved`, `columns-differ`, `node-altered`,
            `head-differs`, `not-signed`, `bad-signature`, `checkpoint-differs`, `checkpoint-ahead`, `other-log`,
            `bad-checkpoint`, `policy-missing`, `policy-altered`, `memory-differs`, `index-differs`, `tables-differ`,
            `carried-differs`, `followed-by-another`, `log-damaged`.
        message: what is wrong, in words.
        seq: the record, none where it is about the log.
        last: the last record where it is about several; `seq` is then the first.
    """

    code: str
    message: str
    seq: int | None = None
    last: int | None = None

    @property
    def place(self) -> str:
        """Which records it is about, in words; empty where it is about the log."""
        if self.seq is None:
            return ""
        return f"record {self.seq}" if self.last in {None, self.seq} else f"records {self.seq} to {self.last}"

    def render(self) -> str:
        """Return the finding as one line."""
        return f"{self.place}{': ' if self.place else ''}{self.message} [{self.code}]"

    def to_dict(self) -> dict[str, object]:
        """Return the finding as JSON types, with stable keys."""
        return {"code": self.code, "record": self.seq, "last": self.last or self.seq, "message": self.message}


MOST_FINDINGS = 1000
LONGEST_MESSAGE = 500


@dataclass(slots=True)
class Findings:
    """What was found so far; of a log that is wrong throughout, the first thousand and how many there are."""

    kept: list[Finding] = field(default_factory=list)
    count: int = 0

    def add(self, code: str, message: str, seq: int | None = None, last: int | None = None) -> None:
        """Note a finding; what it quotes from the log is made one line of bounded length."""
        self.count += 1
        if len(self.kept) < MOST_FINDINGS:
            self.kept.append(Finding(code, _one_line(message), seq, last))

    def recode(self, old: str, new: str, message: str) -> None:
        """Change the findings of one code, once it is known what they mean."""
        self.kept = [replace(one, code=new, message=message) if one.code == old else one for one in self.kept]

    def in_order(self) -> tuple[Finding, ...]:
        """Return them: what is about the whole log, then by record."""
        return tuple(sorted(self.kept, key=lambda one: -1 if one.seq is None else one.seq))


def _one_line(message: str) -> str:
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in message)
    return cut(shown, LONGEST_MESSAGE)


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification looked at, and what it found.

    Attributes:
        log: the log's id.
        size: how many records its head counts.
        root: the tree's root as recomputed from the records, hexadecimal; empty where records and leaves are missing.
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

    def to_dict(self) -> dict[str, object]:
        """Return what was found as JSON types, with stable keys."""
        return {
            "ok": self.fine,
            "log": self.log,
            "size": self.size,
            "root": self.root,
            "signed_by": list(self.signed_by),
            "checkpoints": self.checkpoints,
            "notes": list(self.notes),
            "findings": [finding.to_dict() for finding in self.findings],
            "count": self.count,
        }
