"""Who announces a host's address: measured hosting, and what of it is a move."""

from __future__ import annotations

from monitor.records import Event, EventKind, Hosting, HostRow, Micros


def origin_of(hosting: Hosting | None) -> int | None:
    """The origin AS of the address, or the last one measured while its own is not known."""
    if hosting is None:
        return None
    return hosting.was_asn if hosting.asn is None else hosting.asn


def measured(old: Hosting, origin: Hosting) -> Hosting:
    """``old`` with what an origin look-up says; inside or not is for the watchlist to say."""
    return Hosting(
        old.address,
        prefix=origin.prefix or old.prefix,
        asn=origin.asn,
        as_name=origin.as_name,
        country=origin.country,
        inside=old.inside,
        how=origin.how,
        at=origin.at,
        name=origin.name,
    )


def moved(row: HostRow, before: int, now: Micros) -> Event:
    """Another AS originates the host's address than before."""
    found = row.hosting
    assert found is not None
    old, new = f"AS{before}", f"AS{found.asn}"
    whose = " ".join(part for part in (new, found.as_name, found.country) if part)
    return Event(
        at=now,
        kind=EventKind.HOSTING,
        subject=f"host:{row.id}",
        text=f"origin {old} → {whose}: {found.address} in {found.prefix}, {found.how}",
        old=old,
        new=new,
        rule="hosting",
    )
