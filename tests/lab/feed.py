"""The routing feed: exabgp's JSON on standard input becomes RIS Live messages.

Written to ``ris.jsonl`` and served at ``/v1/stream/`` (one JSON object a line, filter in
``X-RIS-Subscribe``) and ``/v1/ws/`` (WebSocket, filter by a ris_subscribe message).
"""

import base64
import hashlib
import ipaddress
import json
import queue
import re
import socket
import sys
import threading
import time

from .place import where
from .plan import FEED

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455
_QUEUED = 10_000
_SINGS_S = 0.5
_STATES = {"up": "connected"}


def _prefixes(data):
    announced = [each for block in data.get("announcements", []) for each in block["prefixes"]]
    return [ipaddress.ip_network(each) for each in announced + data.get("withdrawals", [])]


def wanted(filters, data):
    """Whether a subscription's filters let a message through; None lets nothing."""
    if filters is None or filters.get("type", data["type"]) != data["type"]:
        return False
    prefixes = filters.get("prefix")
    if prefixes:
        asked = prefixes if isinstance(prefixes, list) else [prefixes]
        if not any(
            have == want
            or (filters.get("moreSpecific", True) and have.subnet_of(want))
            or (filters.get("lessSpecific") and want.subnet_of(have))
            for have in _prefixes(data)
            for want in map(ipaddress.ip_network, asked)
        ):
            return False
    path = filters.get("path")
    return not path or str(path).strip("^$") in map(str, data.get("path", []))


class Client:
    """One reader: what it asked for, and what waits for it (None ends it)."""

    def __init__(self, connection):
        self.connection = connection
        self.filters = None
        self.waiting = queue.Queue(_QUEUED)

    def offer(self, text):
        try:
            self.waiting.put_nowait(text)
        except queue.Full:
            self.connection.close()


class Server:
    """Serves every client in threads of its own."""

    def __init__(self):
        self._clients = []

    def publish(self, data):
        text = json.dumps({"type": "ris_message", "data": data})
        for client in list(self._clients):
            if wanted(client.filters, data):
                client.offer(text)
        return text

    def sing(self):
        """KEEPALIVEs for those who ask for nothing else: the canary of a feed that is well."""
        while True:
            data = {"timestamp": round(time.time(), 2), "peer": FEED[0], "type": "KEEPALIVE"}
            text = json.dumps({"type": "ris_message", "data": data})
            for client in list(self._clients):
                if (client.filters or {}).get("type") == "KEEPALIVE":
                    client.offer(text)
            time.sleep(_SINGS_S)

    def accept(self):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(FEED)
            listener.listen(20)
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        client = Client(connection)
        try:
            request = b""
            while b"\r\n\r\n" not in request:
                more = connection.recv(4096)
                if not more:
                    return
                request += more
            self._clients.append(client)
            if request.startswith(b"GET /v1/stream"):
                self._stream(client, request)
            else:
                self._websocket(client, request)
        except (OSError, ValueError, AttributeError):
            return
        finally:
            if client in self._clients:
                self._clients.remove(client)
            connection.close()

    @staticmethod
    def _stream(client, request):
        asked = re.search(rb"(?i)x-ris-subscribe: *([^\r]+)", request)
        client.filters = json.loads(asked.group(1)) if asked else {}
        client.connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        )
        while (text := client.waiting.get()) is not None:
            line = text.encode() + b"\n"
            client.connection.sendall(b"%x\r\n%s\r\n" % (len(line), line))

    def _websocket(self, client, request):
        key = re.search(rb"(?i)sec-websocket-key: *(\S+)", request).group(1)
        accept = base64.b64encode(hashlib.sha1(key + _MAGIC).digest())
        client.connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        threading.Thread(target=_listen, args=(client,), daemon=True).start()
        while (text := client.waiting.get()) is not None:
            client.connection.sendall(
                text if isinstance(text, bytes) else frame(1, text.encode())
            )


def frame(operation, payload):
    """An unmasked WebSocket frame (RFC 6455 section 5.2)."""
    size = len(payload)
    if size < 126:
        length = bytes([size])
    elif size < 65536:
        length = b"\x7e" + size.to_bytes(2, "big")
    else:
        length = b"\x7f" + size.to_bytes(8, "big")
    return bytes([0x80 | operation]) + length + payload


def _listen(client):
    """Read what a WebSocket client says, until it goes."""
    unread = b""
    try:
        while more := client.connection.recv(4096):
            unread += more
            while (found := _unmask(unread)) is not None:
                operation, payload, unread = found
                if operation == 8:
                    return
                if operation == 9:
                    client.offer(frame(10, payload))
                if operation == 1:
                    _obey(client, json.loads(payload))
    except (OSError, ValueError):
        return
    finally:
        client.filters = None
        client.offer(None)


def _unmask(data):
    """The first whole masked frame in ``data``: operation, payload, rest; or None."""
    if len(data) < 6:
        return None
    size, at = data[1] & 127, 2
    if size == 126:
        size, at = int.from_bytes(data[2:4], "big"), 4
    mask, at = data[at : at + 4], at + 4
    if len(data) < at + size:
        return None
    payload = bytes(byte ^ mask[i & 3] for i, byte in enumerate(data[at : at + size]))
    return data[0] & 15, payload, data[at + size :]


def _obey(client, message):
    if message.get("type") == "ris_subscribe":
        client.filters = message.get("data") or {}
        answer = {"type": "ris_subscribe_ok", "data": {"subscription": client.filters}}
        client.offer(json.dumps(answer))
    elif message.get("type") == "ping":
        client.offer('{"type":"pong","data":null}')


def translate(message, number):
    """The RIS Live message for one of exabgp's, or None."""
    neighbor = message.get("neighbor", {})
    peer = neighbor.get("address", {}).get("peer", "")
    data = {
        "timestamp": round(message.get("time", time.time()), 2),
        "peer": peer,
        "peer_asn": str(neighbor.get("asn", {}).get("peer", "")),
        "id": f"{peer}-{int(time.time() * 1e6):x}-{number}",
        "host": "rrc99.lab",
    }
    if message["type"] == "state":
        state = neighbor.get("state")
        return {**data, "type": "RIS_PEER_STATE", "state": _STATES.get(state, state)}
    if message["type"] != "update":
        return None
    update = neighbor.get("message", {}).get("update", {})
    attributes = update.get("attribute", {})
    data["type"] = "UPDATE"
    if attributes.get("as-path") is not None:
        path = attributes["as-path"]
        if isinstance(path, dict):
            path = [each for _, part in sorted(path.items()) for each in part["value"]]
        data["path"] = list(path)
        data["community"] = attributes.get("community", [])
        data["origin"] = attributes.get("origin", "")
    announced = update.get("announce", {}).get("ipv4 unicast", {})
    withdrawn = update.get("withdraw", {}).get("ipv4 unicast", [])
    if announced:
        data["announcements"] = [
            {"next_hop": hop, "prefixes": [each["nlri"] for each in routes]}
            for hop, routes in announced.items()
        ]
    if withdrawn:
        data["withdrawals"] = [
            each["nlri"] if isinstance(each, dict) else each for each in withdrawn
        ]
    return data if announced or withdrawn else None


def main():
    server = Server()
    threading.Thread(target=server.accept, daemon=True).start()
    threading.Thread(target=server.sing, daemon=True).start()
    with (where() / "ris.jsonl").open("a", buffering=1, encoding="utf-8") as log:
        for number, line in enumerate(sys.stdin, 1):
            try:
                data = translate(json.loads(line), number)
            except ValueError:
                continue
            if data is not None:
                log.write(server.publish(data) + "\n")
    return 0
