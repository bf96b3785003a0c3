"""The kernel's own stamps of what passes a device, for comparison with what probes measure.

    python -m tests.lab.capture DEVICE        until standard input ends

Prints one JSON list: ``sent`` (UTC microseconds), ``to``, ``ttl`` and ``rtt_ms`` of every
ICMP echo request (IPv4) that was answered, by a reply or by an error that quotes it.  Both
stamps are of a packet socket (SO_TIMESTAMPNS): the moment the request was handed to the
device, and the moment the answer came from it.
"""

import json
import select
import socket
import struct
import sys

_SO_TIMESTAMPNS = 35
_IPV4 = 0x0800
_OUTGOING = 4
_ECHO, _REPLY, _ERRORS = 8, 0, (3, 11)


class Pairs:
    """Requests, and what answered them."""

    def __init__(self):
        self._sent = {}
        self.found = []

    def take(self, frame, stamp_ns, *, outgoing):
        packet = frame[14:]
        if packet[9] != socket.IPPROTO_ICMP:
            return
        inner = packet[(packet[0] & 15) * 4 :]
        if outgoing and inner[0] == _ECHO:
            to = socket.inet_ntoa(packet[16:20])
            self._sent[to, *struct.unpack_from("!HH", inner, 4)] = stamp_ns, packet[8]
        elif not outgoing and inner[0] == _REPLY:
            self._answered(socket.inet_ntoa(packet[12:16]), inner[4:8], stamp_ns)
        elif not outgoing and inner[0] in _ERRORS:
            quoted = inner[8:]
            number = (quoted[0] & 15) * 4 + 4
            to = socket.inet_ntoa(quoted[16:20])
            self._answered(to, quoted[number : number + 4], stamp_ns)

    def _answered(self, to, number, stamp_ns):
        sent = self._sent.pop((to, *struct.unpack("!HH", number)), None)
        if sent is not None:
            rtt_ms = (stamp_ns - sent[0]) / 1e6
            self.found.append(
                {"sent": sent[0] // 1000, "to": to, "ttl": sent[1], "rtt_ms": rtt_ms}
            )


def main():
    pairs = Pairs()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.bind((sys.argv[1], 0))
        print("ready", flush=True)
        while True:
            ready = select.select([sock, 0], [], [])[0]
            if sock in ready:
                frame, control, _, address = sock.recvmsg(2048, 64)
                stamp = next((data for *_, data in control if len(data) >= 16), None)
                if stamp is not None and frame[12:14] == b"\x08\x00":
                    seconds, rest = struct.unpack_from("=qq", stamp)
                    at = seconds * 1_000_000_000 + rest
                    pairs.take(frame, at, outgoing=address[2] == _OUTGOING)
            elif 0 in ready:
                break
    print(json.dumps(pairs.found))


if __name__ == "__main__":
    main()
