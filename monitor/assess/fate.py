"""Shared fate: what the failing hosts have in common and the answering ones have not.

An element is an edge between two ASes on the usual path, an AS (an upstream is one), a
prefix or a router.  The one named lies before every failing host and before as few
answering ones as possible.  It is an observation in words with its counts, no cause.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Final, NamedTuple

import msgspec


class Member(msgspec.Struct, frozen=True):
    """A host with where it is hosted and the usual path to it.

    ``hops`` are (address, ASN) from us to the host, ('' and None where not known);
    ``last_asn`` the AS of the last hop that answers now, None when not known.
    """

    host: str
    address: str = ""
    prefix: str = ""
    asn: int | None = None
    hops: tuple[tuple[str, int | None], ...] = ()
    last_asn: int | None = None


class Trait(StrEnum):
    """Kinds of elements; of two that fit alike the earlier one is named."""

    EDGE = "edge"
    PREFIX = "prefix"
    AS = "as"
    HOP = "hop"


_TRAITS: Final = tuple(Trait)


class Fate(msgspec.Struct, frozen=True):
    """The element, e.g. ``AS4837→AS131279``, and the sentence that names it.

    ``failing`` hosts all lie behind it, as do ``behind`` answering ones; ``elsewhere``
    answering hosts do not.
    """

    trait: Trait
    name: str
    failing: int
    behind: int
    elsewhere: int
    text: str


class _Element(NamedTuple):
    trait: Trait
    key: tuple[int, ...] | str


def path_of(member: Member) -> tuple[int, ...]:
    """The ASes of the usual path in order, each once in a row, the host's own last."""
    named = [asn for _, asn in member.hops if asn is not None]
    if member.asn is not None:
        named.append(member.asn)
    return tuple(asn for at, asn in enumerate(named) if at == 0 or named[at - 1] != asn)


def elements_of(member: Member) -> dict[_Element, int]:
    """Every element before a host, with how near it is to the host (0: nearest)."""
    path = path_of(member)
    found: dict[_Element, int] = {}
    for near, pair in enumerate(reversed(list(pairwise(path)))):
        found.setdefault(_Element(Trait.EDGE, pair), near)
    for near, asn in enumerate(reversed(path)):
        found.setdefault(_Element(Trait.AS, (asn,)), near)
    for near, (address, _) in enumerate(reversed(member.hops)):
        if address and address != member.address:
            found.setdefault(_Element(Trait.HOP, address), near)
    if member.prefix:
        found[_Element(Trait.PREFIX, member.prefix)] = 0
    return found


def shared_fate(failing: Sequence[Member], answering: Sequence[Member]) -> Fate | None:
    """What all of ``failing`` and as few as possible of ``answering`` lie behind.

    None when fewer than two fail, when nobody answers to compare with, or when nothing
    tells the two apart: every common element has as many answering hosts behind it as
    failing ones, or all of the answering ones whose way is known.  The order of the
    members makes no difference.
    """
    if len(failing) < 2 or not answering:
        return None
    traits = [elements_of(member) for member in failing]
    common = set(traits[0]).intersection(*traits[1:])
    others = [(member, elements_of(member)) for member in answering]

    def weight(element: _Element) -> tuple[int, int, int, int, str]:
        behind = sum(element in theirs for _, theirs in others)
        breaks = sum(_breaks_at(element, member) for member in failing)
        near = sum(theirs[element] for theirs in traits)
        return behind, -breaks, _TRAITS.index(element.trait), near, _name(element)

    for element in sorted(common, key=weight):
        known = [each for each in others if _can_tell(element, *each)]
        away = [member for member, theirs in known if element not in theirs]
        behind = len(known) - len(away)
        if away and behind < len(failing):
            return _fate(element, len(failing), behind, away)
    return None


def _breaks_at(element: _Element, member: Member) -> bool:
    """Whether the last answer comes from just before this edge."""
    return element.trait is Trait.EDGE and element.key[0] == member.last_asn


def _can_tell(element: _Element, member: Member, theirs: Iterable[_Element]) -> bool:
    """Whether it is known if ``member`` lies behind ``element``."""
    if element in theirs:
        return True
    match element.trait:
        case Trait.EDGE | Trait.HOP:
            return bool(member.hops)
        case Trait.AS:
            return member.asn is not None
        case Trait.PREFIX:
            return bool(member.prefix)


def _name(element: _Element) -> str:
    if isinstance(element.key, str):
        return element.key
    return "→".join(f"AS{asn}" for asn in element.key)


def _fate(element: _Element, failing: int, behind: int, away: Sequence[Member]) -> Fate:
    name = _name(element)
    who = "both lost hosts" if failing == 2 else f"all {failing} lost hosts"
    where = "in" if element.trait is Trait.PREFIX else "behind"
    clauses = [_contrast(element, away)]
    if behind:
        clauses.append(_answer(behind, f"{where} it") + " too")
    text = f"{who} lie {where} {name}; {'; '.join(clauses)}"
    return Fate(element.trait, name, failing, behind, len(away), text)


def _contrast(element: _Element, away: Sequence[Member]) -> str:
    """Who answers although near: by another way to the same AS, or up to the edge."""
    if element.trait is Trait.EDGE and not isinstance(element.key, str):
        before, after = element.key
        edges = [set(pairwise(path_of(member))) for member in away]
        others = Counter(left for each in edges for left, right in each if right == after)
        if others:
            asn, count = min(others.items(), key=lambda found: (-found[1], found[0]))
            return _answer(count, f"behind AS{asn}")
        up_to = sum(before in path_of(member) for member in away)
        if up_to:
            return _answer(up_to, f"behind AS{before}")
    return _answer(len(away), "elsewhere")


def _answer(count: int, where: str) -> str:
    return f"1 host {where} answers" if count == 1 else f"{count} hosts {where} answer"
