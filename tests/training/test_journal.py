from pathlib import Path

from deglare.training.journal import Journal, read_journal


def test_lines_after_the_checkpoint_and_a_cut_one_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "losses.jsonl"
    journal = Journal(path, 0)
    for step in (1, 2, 3):
        journal.add(step, {"loss": step / 10})
    with path.open("a") as file:
        file.write('{"step": 4, "lo')
    Journal(path, 2).add(3, {"loss": 9.0})
    assert read_journal(path) == [{"step": 1, "loss": 0.1}, {"step": 2, "loss": 0.2}, {"step": 3, "loss": 9.0}]


def test_a_new_run_starts_with_an_empty_journal(tmp_path: Path) -> None:
    path = tmp_path / "losses.jsonl"
    assert read_journal(path) == []
    path.write_text('{"step": 5, "loss": 1.0}\n')
    Journal(path, 0)
    assert path.read_text() == ""


def test_lines_that_are_no_records_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "losses.jsonl"
    path.write_text("[" * 100_000 + "\n" + '[1]\n{"loss": 1.0}\n{"step": "x"}\n{"step": 1, "loss": 0.5}\n')
    assert read_journal(path) == [{"step": 1, "loss": 0.5}]
