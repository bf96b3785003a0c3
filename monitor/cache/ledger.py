"""What people have said, folded into what holds at a moment.

Pure: entries and hard transitions go in, in the order of their ids, and nothing with a time
after the moment counts.  So the book as of any moment is what it was then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from monitor.cache.windows import Window, current, upcoming
from monitor.entries import Ack, End, Entry, Inference, Maintenance, Seen, Statement
from monitor.records import Event, EventKind, Micros, Phase, State, Vantage

# What changes the state, phase or health of a subject.
TURNS: Final = frozenset({EventKind.TRANSITION, EventKind.VANTAGE})
RECOVERED: Final = frozenset({State.UP, Phase.STABLE, Phase.RESTORED, Vantage.HEALTHY})
_UNKNOWN: Final = State.UNKNOWN


class Said(msgspec.Struct, frozen=True):
    """An entry with what became of it.

    ``latest`` is its newest amendment, or the entry itself; ``versions`` are all of them,
    oldest first; ``ended`` is the entry that ended it.
    """

    versions: tuple[Entry, ...]
    ended: Entry | None = None

    @property
    def first(self) -> Entry:
        return self.versions[0]

    @property
    def latest(self) -> Entry:
        return self.versions[-1]


class Planned(NamedTuple):
    """A maintenance that holds: its window now, and the one that comes next."""

    entry: Entry
    now: Window | None
    next: Window | None


class Book(msgspec.Struct, frozen=True):
    """What people have said up to ``at``, and what of it holds then.

    ``acks`` are those in force by subject, ``planned`` the maintenance that is or comes,
    ``marks`` what each person has last seen, by who.
    """

    at: Micros
    said: tuple[Said, ...] = ()
    acks: dict[str, Entry] = {}
    planned: tuple[Planned, ...] = ()
    marks: dict[str, Entry] = {}

    def acked(self, lineage: Sequence[str]) -> Entry | None:
        """The acknowledgement of a subject; one of a host holds for its checks too."""
        own = [name for name in lineage if not name.startswith("network:")]
        return next((self.acks[name] for name in own or lineage if name in self.acks), None)

    def maintained(self, lineage: Sequence[str]) -> Planned | None:
        """The maintenance under way on a subject or on what it belongs to.

        While there is one, nothing of the subject is unread and nothing is alerted; it is
        observed, judged and shown as ever.
        """
        return next(
            (one for one in self.planned if one.now and one.entry.subject in lineage), None
        )

    def about(self, subjects: Iterable[str] = (), event: int = 0) -> list[Said]:
        """What was said of any of these subjects, or of an event; marks left out."""
        wanted = frozenset(subjects)
        return [
            one
            for one in self.said
            if one.first.subject in wanted or (event and one.latest.event == event)
        ]

    def causes(self, lineage: Sequence[str], event: int = 0) -> list[Said]:
        """Claims and inferences that stand, newest last: without one, the cause of what
        happened to a subject is undetermined.
        """
        return [
            one
            for one in self.about(lineage, event)
            if one.ended is None and isinstance(one.latest.body, Statement | Inference)
        ]

    def of(self, number: int) -> Said | None:
        """What the entry of this id was the first of."""
        return next((one for one in self.said if one.first.id == number), None)

    def running_out(self, until: Micros) -> list[Entry]:
        """Acknowledgements in force that expire before ``until``, the next first."""
        found = [
            (one.body.expires, one.id, one)
            for one in self.acks.values()
            if isinstance(one.body, Ack) and 0 < one.body.expires <= until
        ]
        return [one for _, _, one in sorted(found)]


def lineage(subject: str, network: str = "") -> tuple[str, ...]:
    """A subject and what it belongs to: its host, and the network of the host if any."""
    kind, _, name = subject.partition(":")
    own = [subject]
    if kind == "check":
        own.append(f"host:{name.partition('/')[0]}")
    if network and kind in ("check", "host"):
        own.append(f"network:{network}")
    return tuple(own)


def ends_ack(entry: Entry, event: Event) -> bool:
    """Whether a transition ends an acknowledgement.

    Not to know is no change: a subject that becomes UNKNOWN and then what it was has not
    changed.
    """
    ack = entry.body
    if not isinstance(ack, Ack) or not event.hard or event.kind not in TURNS:
        return False
    if event.subject != entry.subject or event.at <= entry.at:
        return False
    if ack.sticky:
        return event.new in RECOVERED
    return event.new not in (_UNKNOWN, ack.state)


def fold(entries: Iterable[Entry], events: Iterable[Event], at: Micros) -> Book:
    """The book as of ``at``; ``events`` need hold only the hard transitions that end
    acknowledgements, and may hold any others.
    """
    told = [entry for entry in entries if entry.at <= at]
    said, marks = _versions(told)
    turns: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        if event.at <= at:
            turns[event.subject].append(event)
    acks: dict[str, Entry] = {}
    planned: list[Planned] = []
    for one in sorted(said, key=lambda one: one.latest.id):
        entry = one.latest
        match entry.body:
            case Ack():
                # A later one of the same subject takes the place of the first, held or not.
                acks.pop(entry.subject, None)
                if one.ended is None and _holds(entry, turns, at):
                    acks[entry.subject] = entry
            case Maintenance() as body if one.ended is None:
                now, then = current(body, at), upcoming(body, at)
                if now or then:
                    planned.append(Planned(entry, now, then))
    return Book(at, tuple(said), acks, tuple(planned), marks)


def _versions(told: Iterable[Entry]) -> tuple[list[Said], dict[str, Entry]]:
    """Each entry with its amendments, and everybody's newest mark."""
    said: dict[int, Said] = {}
    roots: dict[int, int] = {}
    marks: dict[str, Entry] = {}
    for entry in told:
        if isinstance(entry.body, Seen):
            marks[entry.who] = entry
            continue
        root = roots.get(entry.refers)
        if isinstance(entry.body, End):
            if root is not None and said[root].ended is None:
                said[root] = msgspec.structs.replace(said[root], ended=entry)
            continue
        if root is None:
            root = entry.id
            said[root] = Said((entry,))
        else:
            before = said[root]
            said[root] = Said((*before.versions, entry), before.ended)
        roots[entry.id] = root
    return list(said.values()), marks


def _holds(entry: Entry, turns: Mapping[str, Sequence[Event]], at: Micros) -> bool:
    assert isinstance(entry.body, Ack)
    if entry.body.expires and entry.body.expires <= at:
        return False
    return not any(ends_ack(entry, event) for event in turns.get(entry.subject, ()))


def may_refer(body: object, earlier: Entry | None) -> str:
    """Why an entry may not refer to an earlier one, in a sentence; '' when it may."""
    if earlier is None:
        return "there is no such entry to refer to"
    if isinstance(earlier.body, End | Seen):
        return "only notes, acknowledgements, maintenance, claims and inferences are amended"
    if isinstance(body, End) or type(body) is type(earlier.body):
        return ""
    return f"a {earlier.kind} is amended by a {earlier.kind}, or ended"
