"""One message to one target through Apprise, in a process of its own.

Apprise brings many libraries along, and some of its targets can hang: neither may cost the
collector anything.  A :class:`Parcel` as JSON comes on standard input, so that no other user
of the machine sees the URL; a word of :class:`monitor.collect.outbox.Delivery` goes out.
"""

from __future__ import annotations

import logging
import sys

import msgspec

from monitor.collect.outbox import Delivery


class Parcel(msgspec.Struct):
    """What is to be delivered; ``url`` is a secret."""

    url: str
    title: str
    body: str
    bad: bool


def deliver(parcel: Parcel) -> Delivery:
    """Hand it to Apprise, and wait for the answer."""
    try:
        import apprise  # noqa: PLC0415 - an extra, and heavy
    except ImportError:
        return Delivery.NO_APPRISE
    # Whoever receives it needs no picture of Apprise.
    asset = apprise.AppriseAsset(
        app_id="watchdesk",
        app_desc="watchdesk",
        app_url="",
        image_url_mask="",
        secure_logging=True,
    )
    found = apprise.Apprise(asset=asset)
    if not found.add(parcel.url):
        return Delivery.BAD_URL
    kind = apprise.NotifyType.FAILURE if parcel.bad else apprise.NotifyType.SUCCESS
    sent = found.notify(
        title=parcel.title,
        body=parcel.body,
        notify_type=kind,
        body_format=apprise.NotifyFormat.TEXT,
    )
    return Delivery.SENT if sent else Delivery.REFUSED


def main() -> None:
    """Deliver what stands on standard input."""
    # What Apprise logs may name the URL.
    logging.disable()
    parcel = msgspec.json.decode(sys.stdin.buffer.read(), type=Parcel)
    sys.stdout.write(deliver(parcel))


if __name__ == "__main__":
    main()
