"""What the desk remembers between runs, and the keys a user has changed."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

import msgspec
from textual.keys import Keys, _character_to_key

from monitor.tui.keymap import BINDING_IDS

_STATE = "desk.toml"
_KEYMAP = "keymap.toml"


class Remembered(msgspec.Struct, omit_defaults=True):
    """desk.toml, written by the desk itself."""

    theme: str = ""


def recall(config_dir: Path) -> tuple[Remembered, str]:
    """What was remembered, and one sentence where it could not be read."""
    path = config_dir / _STATE
    try:
        return msgspec.toml.decode(path.read_bytes(), type=Remembered), ""
    except FileNotFoundError:
        return Remembered(), ""
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        return Remembered(), f"{_STATE} was not read: {error}"


def remember(config_dir: Path, state: Remembered) -> str:
    """Write desk.toml whole or not at all; one sentence where that failed, else empty."""
    temporary = ""
    try:
        config_dir.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=_STATE, dir=config_dir)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            # Theme names hold no character that TOML would have to escape.
            file.write(f'theme = "{state.theme}"\n')
        Path(temporary).replace(config_dir / _STATE)
    except OSError as error:
        if temporary:
            with suppress(OSError):
                Path(temporary).unlink()
        return f"the choice could not be remembered: {error.strerror}"
    return ""


def user_keys(config_dir: Path) -> tuple[dict[str, str], str]:
    """``{binding id: keys}`` of keymap.toml, and one sentence where it is not usable.

    A file with any fault is left aside whole: half a keymap surprises more than none.
    """
    path = config_dir / _KEYMAP
    try:
        found = msgspec.toml.decode(path.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}, ""
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        return {}, f"{_KEYMAP} is not used: {error}"
    taken: dict[str, str] = {}
    for name, keys in found.items():
        if name not in BINDING_IDS:
            return {}, f"{_KEYMAP} is not used: no binding is called {name!r}"
        for key in keys.split(","):
            fault = _key_fault(key.strip())
            if fault:
                return {}, f"{_KEYMAP} is not used: {name}: {fault}"
            if taken.setdefault(key.strip(), name) != name:
                return {}, f"{_KEYMAP} is not used: {key.strip()!r} is given twice"
    return found, ""


def _key_fault(key: str) -> str:
    """Why ``key`` (as in ``ctrl+p`` or ``?``) is no key; empty where it is one."""
    name = key.rpartition("+")[2] if len(key) > 1 else key
    known = {known.value for known in Keys}
    if key in known or (len(name) == 1 and name.isprintable()):
        return ""
    single = {_character_to_key(chr(code)) for code in range(33, 127)}
    return "" if name in single or name in known else f"{key!r} is not a key"
