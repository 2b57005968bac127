"""The demo's progress on stderr: a table on a terminal, otherwise a line every few seconds."""

from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.table import Table

LINE_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Progress:
    """The displayed counts."""

    elapsed_s: float
    played: int
    total: int
    ingested: int
    scored: int
    alerts: int
    delivered: int
    dead_letters: int
    faults: int

    @property
    def counts(self) -> tuple[int, ...]:
        """The counts that change as the pipeline makes progress."""
        return (self.played, self.ingested, self.scored, self.delivered, self.dead_letters)

    def line(self) -> str:
        """Format as one line."""
        faults = f"  faults {self.faults}" if self.faults else ""
        return (
            f"{self.elapsed_s:4.0f} s  played {self.played}/{self.total}  "
            f"ingested {self.ingested}  "
            f"scored {self.scored}  alerts {self.alerts}  delivered {self.delivered}  "
            f"dead letters {self.dead_letters}{faults}"
        )

    def table(self) -> Table:
        """Format as a table with one row."""
        table = Table(box=None, padding=(0, 2, 0, 0))
        cells = {
            "time": f"{self.elapsed_s:.0f} s",
            "played": f"{self.played}/{self.total}",
            "ingested": f"{self.ingested}",
            "scored": f"{self.scored}",
            "alerts": f"{self.alerts}",
            "delivered": f"{self.delivered}",
            "dead letters": f"{self.dead_letters}",
        }
        if self.faults:
            cells["faults"] = f"{self.faults}"
        for name in cells:
            table.add_column(name, justify="right", style="bold", header_style="dim")
        table.add_row(*cells.values())
        return table


class Display:
    """Shows progress while the context is open."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._last_line = 0.0

    def __enter__(self) -> "Display":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, progress: Progress) -> None:
        """Show the current progress."""
        if self._live is not None:
            self._live.update(progress.table(), refresh=True)
        elif progress.elapsed_s - self._last_line >= LINE_EVERY_S:
            self._last_line = progress.elapsed_s
            self._console.print(progress.line())
