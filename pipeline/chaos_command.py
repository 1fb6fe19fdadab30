"""`slipway chaos`: is every way a model goes wrong caught, and by what?"""

import dataclasses
import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.bundle_commands import BundleArgument

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console
    from rich.table import Table

    from serving.chaos.rehearse import Rehearsal

_NOT_CAUGHT_EXIT_CODE = 5
_STATES = {
    "caught": ("✓", "green"),
    "not caught": ("✗", "bold red"),
    "not applicable": ("·", "dim"),
}


def chaos(
    bundle: BundleArgument,
    as_json: Annotated[
        bool, typer.Option("--json", help="The answer as JSON, for scripts.")
    ] = False,
) -> None:
    """Breaks copies of a model in ten ways and shows what catches each.

    Every copy is sealed again, so that no wrong hash gives the failure away. The model
    itself is only read. Exit code 5 if a failure is not caught.

    Example: slipway chaos flights
    """
    from pipeline.model_folder import find_bundle
    from pipeline.terminal import make_console
    from serving.lean_tensorflow import preload_tensorflow

    folder = find_bundle(bundle)
    preload_tensorflow()
    console = make_console()
    found = _rehearse(folder, console, is_quiet=as_json)
    if as_json:
        sys.stdout.write(json.dumps(as_document(found), indent=1) + "\n")
    else:
        console.print(render(found))
        console.print(in_one_line(found), style="bold" if found.is_all_caught else "")
    raise typer.Exit(0 if found.is_all_caught else _NOT_CAUGHT_EXIT_CODE)


def _rehearse(bundle: "Path", console: "Console", *, is_quiet: bool) -> "Rehearsal":
    """Shows on a terminal which failure is being tried."""
    from serving.chaos.rehearse import rehearse

    if is_quiet or not console.is_terminal:
        return rehearse(bundle)
    with console.status("the model as it is") as status:
        return rehearse(
            bundle, on_mode=lambda mode: status.update(f"{mode.number} {mode.name}")
        )


def as_document(found: "Rehearsal") -> dict[str, Any]:
    """Returns the rehearsal for JSON: its fields, and the counts."""
    return {
        **dataclasses.asdict(found),
        "num_caught": found.num_caught,
        "num_applicable": found.num_applicable,
        "is_all_caught": found.is_all_caught,
    }


def render(found: "Rehearsal") -> "Table":
    """Returns one row for each way a failure was injected."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    table.add_column("failure", min_width=22)
    table.add_column("injected", ratio=2)
    table.add_column("caught by", min_width=16)
    table.add_column("because", ratio=3)
    shown = 0
    for attempt in found.attempts:
        mark, style = _STATES[attempt.state]
        is_first, shown = attempt.number != shown, attempt.number
        # Text, not str: a reason may hold square brackets.
        table.add_row(
            Text(mark, style),
            Text(f"{attempt.number:2} {attempt.name}" if is_first else ""),
            Text(attempt.how),
            Text(attempt.guard or attempt.state, style),
            Text(attempt.reason, "dim"),
        )
    return table


def in_one_line(found: "Rehearsal") -> str:
    """Returns the counts, such as "caught 10/10"."""
    text = f"caught {found.num_caught}/{found.num_applicable}"
    not_applicable = len({entry.number for entry in found.attempts})
    not_applicable -= found.num_applicable
    return text + (f", {not_applicable} not applicable" if not_applicable else "")
