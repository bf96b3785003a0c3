"""The commented watchlist a new desk starts from."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from monitor.records import clean_text
from monitor.watchlist.loader import refusal


def template() -> str:
    """TOML that loads as it is: the far controls, with everything else as comments."""
    return resources.files("monitor.watchlist").joinpath("template.toml").read_text("utf-8")


def init(path: Path, *, force: bool = False) -> None:
    """Write the template to ``path``; a file that is there is replaced only with ``force``.

    Raises WatchlistError when it is not replaced, or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(template())
    except FileExistsError:
        raise refusal(str(path), "a file that exists", "a new file, or --force") from None
    except (OSError, ValueError) as error:
        why = clean_text(getattr(error, "strerror", None) or error)
        raise refusal(
            str(path), f"it cannot be written ({why})", "a place to write to"
        ) from None
