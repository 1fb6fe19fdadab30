"""What a process holds at a moment: memory, file descriptors, threads."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessUsage:
    """One reading.

    Attributes:
        rss_mib: Resident memory, MiB.
        num_files: Open file descriptors, sockets included.
        num_threads: Threads, that of the program included.
    """

    rss_mib: float
    num_files: int
    num_threads: int


def process_usage(pid: int) -> ProcessUsage:
    """Reads what a process holds now.

    Args:
        pid: Of a process of the same user.

    Raises:
        FileNotFoundError: It has ended.

    Source:
        VmRSS (KiB) and Threads of /proc/PID/status, and /proc/PID/fd; proc(5).
    """
    folder = Path("/proc") / str(pid)
    lines = (folder / "status").read_text(encoding="ascii", errors="replace")
    fields = dict(
        line.split(":", maxsplit=1) for line in lines.splitlines() if ":" in line
    )
    return ProcessUsage(
        rss_mib=int(fields["VmRSS"].split()[0]) / 1024,
        num_files=sum(1 for _ in (folder / "fd").iterdir()),
        num_threads=int(fields["Threads"]),
    )
