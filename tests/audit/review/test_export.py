"""Records for other programs: lines, CSV, Parquet."""

import csv
import io
import json
from pathlib import Path

import pytest

from rulecap import load_policy
from rulecap.audit import open_ledger, open_log
from rulecap.audit.review import export
from rulecap.audit.review.export import columns, harmless, write_csv, write_jsonl, write_parquet
from tests.audit.review.made import JUDGED, everything
from tests.written import policy, snapshot


class TestExport:
    def test_as_lines_are_the_exact_bytes(self, log):
        file = io.BytesIO()
        write_jsonl(file, everything(log))
        by_time = sorted((stored.time, stored.record.seq, stored.record.body) for stored in log.stored())
        assert file.getvalue().splitlines() == [body for _, _, body in by_time]

    def test_as_csv_has_the_same_columns_for_every_verdict(self, log):
        file = io.StringIO()
        write_csv(file, everything(log), columns(log, log.kinds()))
        rows = list(csv.DictReader(io.StringIO(file.getvalue())))
        first = next(row for row in rows if row["decision"] == "position" and row["ok"] == "true")
        record = log.record(int(first["seq"])).fields
        assert len(rows) == 160
        assert float(first["outputs.bet"]) == record["outputs"]["bet"]
        assert json.loads(first["outputs.made"]) == record["outputs"]["made"]
        assert first["outputs.equity"] == ""
        assert None not in first
        for row in rows:
            fields = log.record(int(row["seq"])).fields
            told = fields["snapshot"] if isinstance(fields["snapshot"], dict) else {}
            codes = dict.fromkeys(one["code"] for one in fields["problems"])
            assert (row["as_of"], row["time"]) == (told.get("as_of", ""), fields["time"])
            assert row["problems"].split() == list(codes)
            for name in ("bet", "equity", "loss"):
                value = fields["outputs"].get(name)
                assert row[f"outputs.{name}"] == ("" if value is None else repr(value))

    def test_as_parquet_says_the_same_in_several_row_groups_too(self, log, tmp_path, monkeypatch):
        pytest.importorskip("pyarrow")
        import pyarrow.parquet as pq

        monkeypatch.setattr(export, "ROWS", 50)
        with (tmp_path / "log.parquet").open("wb") as file:
            write_parquet(file, everything(log), columns(log, log.kinds()))
        rows = pq.read_table(tmp_path / "log.parquet").to_pylist()
        assert [row["seq"] for row in rows] == [stored.record.seq for stored in everything(log)]
        for row in rows:
            outputs = log.record(row["seq"]).fields["outputs"]
            assert row["outputs.bet"] == outputs.get("bet")
            assert row["outputs.zone"] == outputs.get("zone")

    def test_leaves_out_no_output_that_is_a_record(self, log, tmp_path):
        pytest.importorskip("pyarrow")
        import pyarrow.parquet as pq

        named, file = columns(log, log.kinds()), io.StringIO()
        write_csv(file, everything(log), named)
        with (tmp_path / "log.parquet").open("wb") as parquet:
            write_parquet(parquet, everything(log), named)
        rows = pq.read_table(tmp_path / "log.parquet").to_pylist()
        for row, cells in zip(rows, csv.DictReader(io.StringIO(file.getvalue())), strict=True):
            outputs = log.record(row["seq"]).fields["outputs"]
            for name in ("band", "worst_one"):
                assert json.loads(row[f"outputs.{name}"] or "null") == outputs.get(name)
                assert cells[f"outputs.{name}"] == (row[f"outputs.{name}"] or "")
        assert sum(row["outputs.band"] is not None for row in rows) > 50

    def test_has_an_output_within_an_output_by_its_path(self, tmp_path):
        url, file = f"sqlite:///{tmp_path / 'log.sqlite3'}", io.StringIO()
        text = JUDGED.replace("bet: bet,", "of: {bet: bet, small: gate.verdict != STOP},")
        with open_ledger(url) as ledger:
            ledger.evaluate(policy(text.replace("bet: 0 USD", "of: {bet: 0 USD, small: none}")), snapshot(), "answer")
        with open_log(url) as log:
            named = columns(log, log.kinds())
            write_csv(file, everything(log), named)
            outputs = log.record(1).fields["outputs"]
        (row,) = csv.DictReader(io.StringIO(file.getvalue()))
        assert (named["outputs.of.bet"], named["outputs.of.small"]) == ("number", "flag")
        assert float(row["outputs.of.bet"]) == outputs["of"]["bet"]
        assert row["outputs.of.small"] == str(outputs["of"]["small"]).lower()

    def test_keeps_a_number_a_number_where_another_decision_says_none(self, tmp_path):
        """A decision about reductions leaves out what one about entries computes, under the same name."""
        url, snapshot = f"sqlite:///{tmp_path / 'log.sqlite3'}", Path("policies/default/examples/sushi_recorded.json")
        with open_ledger(url) as ledger:
            assert ledger.evaluate(load_policy("default"), snapshot.read_bytes(), "position").ok
        with open_log(url) as log:
            assert {kind.decision for kind in log.kinds().values()} == {"position"}
            named, outputs = columns(log, log.kinds()), log.record(1).fields["outputs"]
        numbers = {name for name, value in outputs.items() if isinstance(value, float)}
        assert len(numbers) > 9
        assert {named[f"outputs.{name}"] for name in numbers} == {"number"}
        assert named["outputs.reason"] == "text"

    def test_writes_as_text_what_is_a_number_in_one_decision_and_a_text_in_another(self, tmp_path):
        pytest.importorskip("pyarrow")
        import pyarrow.parquet as pq

        url, file = f"sqlite:///{tmp_path / 'log.sqlite3'}", tmp_path / "log.parquet"
        both = policy(
            "rules:\n  one: {kind: formula, unit: USD, formula: account.margin_used}\n"
            "  loss: {kind: formula, formula: account.margin_used > 5 USD}\ndecisions:\n"
            "  name: {outputs: {told: account.id, flag: loss}, on_error: {told: none, flag: none}}\n"
            "  size: {outputs: {told: one, flag: one}, on_error: {told: none, flag: none}}\n"
        )
        with open_ledger(url) as ledger:
            for decision in ("name", "size"):
                ledger.evaluate(both, snapshot(account={"margin_used": 12.5}), decision)
        with open_log(url) as log:
            named = columns(log, log.kinds())
            with file.open("wb") as binary:
                write_parquet(binary, everything(log), named)
        assert (named["outputs.told"], named["outputs.flag"]) == ("text", "text")
        rows = [(row["outputs.told"], row["outputs.flag"]) for row in pq.read_table(file).to_pylist()]
        assert rows == [("demo", "true"), ("12.5", "12.5")]

    @pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", '"=1', '""=1', "\uff1d1", "\uff0b1"])
    def test_gives_a_spreadsheet_nothing_to_run(self, text):
        assert harmless(text).startswith(f"'{text[0]}")
        assert harmless(f"a;{text}").startswith(f"a;'{text[0]}")
        assert harmless(-1.5) == -1.5
        assert harmless("a-b; c=d, e+f@g") == "a-b; c=d, e+f@g"
