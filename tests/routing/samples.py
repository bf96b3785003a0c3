"""Messages as RIS Live sends them, and recorded answers where they are at hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

RECORDED = Path(__file__).parents[3] / "shared" / "samples"
NET = "198.18.0.0/24"
AT = 1_700_000_000


def recorded(name: str) -> bytes:
    path = RECORDED / name
    if not path.is_file():
        pytest.skip(f"no recorded answers at hand: {path.name}")
    return path.read_bytes()


def update(peer: str, *, at: float = AT, path=None, announce=(), withdraw=(), **more) -> dict:
    data = {"timestamp": at, "peer": peer, "peer_asn": "64500", "host": "rrc00.ripe.net",
            "type": "UPDATE", **more}  # fmt: skip
    if announce:
        data["path"] = [64500, 64501] if path is None else path
        data["announcements"] = [{"next_hop": peer, "prefixes": list(announce)}]
    if withdraw:
        data["withdrawals"] = list(withdraw)
    return data


def line(data: dict, kind: str | None = "ris_message") -> bytes:
    return json.dumps({"type": kind, "data": data} if kind else {"data": data}).encode()


def keepalive(at: float) -> bytes:
    return line({"timestamp": at, "peer": "203.0.113.250", "type": "KEEPALIVE"})


def looking_glass(prefix: str, peers: dict[str, str], *, at: str = "2023-11-14T22:13:20"):
    """An answer of RIPEstat; ``peers`` gives paths by peer."""
    entries = [
        {"asn_origin": path.split()[-1], "as_path": path, "prefix": prefix, "peer": peer,
         "last_updated": at, "latest_time": at}
        for peer, path in peers.items()
    ]  # fmt: skip
    return {
        "messages": [], "version": "2.1", "data_call_name": "looking-glass", "cached": False,
        "data": {
            "rrcs": [{"rrc": "RRC00", "location": "Amsterdam", "peers": entries}],
            "query_time": at, "latest_time": at, "parameters": {"resource": prefix},
        },
        "status": "ok", "status_code": 200, "time": f"{at}.5",
    }  # fmt: skip
