"""Text of a trace file that was written."""

from pathlib import Path

from simlib.core.files import file_digest
from simlib.core.numbers import format_counted
from simlib.traces.recording import Recording


def recorded_text(path: str, recording: Recording) -> str:
    """Say what a trace file holds; the hash is the one that `sha256sum` prints."""
    counts = f"{format_counted(recording.operations, 'operations')} of {format_counted(recording.sessions, 'sessions')}"
    return f"{path}: {counts}, sha256 of the file {file_digest(Path(path))}"
