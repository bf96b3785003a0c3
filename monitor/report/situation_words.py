"""The summary of a situation in plain words, chosen by rules from its facts.

It names no cause: that is undetermined until a person records a claim with its source or an
inference with its word, and then it is quoted as theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from monitor.cache.sights import SightBucket
from monitor.entries import EntryKind
from monitor.records import FeedState, Micros, Phase, Routed, Vantage
from monitor.report.situation import (
    Chapter,
    Confidence,
    Level,
    Matrix,
    Sentence,
    Situation,
    Source,
)
from monitor.report.times import span, stamp

NO_CONFIDENCE: Final = Confidence(Level.LOW, ())
_TROUBLE: Final = frozenset({Phase.UNSTABLE, Phase.PARTIAL})
_MOST_LOSSES: Final = 3
_MOST_QUOTED: Final = 5
# A span of which a tenth is not known is a thin ground.
_MOST_UNSEEN: Final = 0.1
_SEVERAL: Final = 2
# Under this share of the peers a route is gone: stale ones linger.
_WITHDRAWN: Final = 0.1
_MOST_NAMED: Final = 4


def confidence(found: Situation) -> Confidence:
    """How far the observations carry: vantages, families that agree, and gaps."""
    reasons = [_vantages(found)]
    healthy = sum(own.health is Vantage.HEALTHY for own in found.own)
    families = ["probes"]
    if found.routes_total and found.routes_state is FeedState.LIVE:
        families.append("routes")
        reasons.append("probes and routes were both observed, independently of each other")
    else:
        reasons.append("probes only: nothing is known of routes")
    unseen = _unseen(found)
    share = unseen / max(1, found.until - found.since)
    if unseen:
        reasons.append(f"nothing is known of {span(unseen)} of {_length(found)}")
    else:
        reasons.append("no gap in the observations")
    if not healthy or share > _MOST_UNSEEN or found.phase is Phase.UNKNOWN:
        return Confidence(Level.LOW, tuple(reasons))
    if healthy >= _SEVERAL and len(families) >= _SEVERAL:
        return Confidence(Level.HIGH, tuple(reasons))
    level = Level.MODERATE if max(healthy, len(families)) >= _SEVERAL else Level.LOW
    return Confidence(level, tuple(reasons))


def _vantages(found: Situation) -> str:
    if len(found.own) > 1:
        healthy = sum(own.health is Vantage.HEALTHY for own in found.own)
        return f"{healthy} of {len(found.own)} vantages were healthy at the end"
    faults = sum(len(own.faults) for own in found.own)
    said = "one vantage only, so that nothing is confirmed from elsewhere"
    if not faults:
        return f"{said}; it was not at fault in this span"
    return f"{said}; it was at fault {faults} time{'s' if faults > 1 else ''}"


def _unseen(found: Situation) -> Micros:
    """How long nothing is known, gaps of several vantages counted once."""
    total, reached = 0, found.since
    for gap in found.gaps:
        low, high = max(gap.since, reached), min(gap.until, found.until)
        if high > low:
            total += high - low
            reached = high
    return total


def _length(found: Situation) -> str:
    return span(found.until - found.since)


def summary(found: Situation) -> tuple[Sentence, ...]:
    """What happened, what agrees with it, what is claimed of the cause, what is not known."""
    observed = [_state(found), *_losses(found), *_outside(found), *_routes(found)]
    observed += _path(found)
    said = [Sentence(Source.OBSERVED, text) for text in observed]
    said += _cause(found)
    reasons = "; ".join(found.confidence.reasons)
    said.append(
        Sentence(
            Source.OBSERVED,
            f"{found.confidence.level}: {reasons}.",
            "Confidence in the observations, not in any cause.",
        )
    )
    said += [Sentence(Source.OBSERVED, text, "Not known.") for text in _unknown(found)]
    return tuple(said)


def _state(found: Situation) -> str:
    text = f"At {stamp(found.until)} {found.name} was {found.phase}"
    if found.phase_since:
        text += f" since {stamp(found.phase_since)}"
    if not found.inside_known:
        return f"{text}; nothing fresh was known of the hosts inside."
    return (
        f"{text}: {found.inside_up} of {found.inside_known} hosts measured as hosted inside"
        " answered."
    )


def _losses(found: Situation) -> Iterator[str]:
    losses = [one for one in found.chapters if one.phase is Phase.LOST]
    longest = sorted(losses, key=lambda one: one.told - one.until)[:_MOST_LOSSES]
    told = sorted(longest, key=lambda one: one.told)
    if len(losses) > len(told):
        yield f"It was LOST {len(losses)} times; the {len(told)} longest were these."
    if told:
        yield from _before(found, told[0])
    for one in told:
        yield _loss(found, one)
    if not told:
        troubles = [one for one in found.chapters if one.phase in _TROUBLE]
        if troubles:
            yield _trouble("In this span it was", troubles)
        else:
            yield "It was not lost, partly lost or unstable at any time in this span."


def _before(found: Situation, loss: Chapter) -> Iterator[str]:
    troubles = [one for one in found.chapters if one.phase in _TROUBLE and one.told < loss.told]
    if troubles:
        yield _trouble("Before the loss it was", troubles)
    else:
        yield "No instability was observed before the loss."


def _trouble(lead: str, troubles: list[Chapter]) -> str:
    phases = " or ".join(dict.fromkeys(one.phase for one in troubles))
    total = sum(one.until - one.told for one in troubles)
    text = f"{lead} {phases} from {stamp(troubles[0].since)} on"
    text += f", for {span(total)} of this span" if total else ""
    lows = [one.low for one in troubles if one.low is not None]
    highs = [one.high for one in troubles if one.high is not None]
    known = max((one.known or 0 for one in troubles), default=0)
    if lows and highs:
        text += f": between {min(lows)} and {max(highs)} of {known} hosts inside answered"
    return text + "."


def _loss(found: Situation, one: Chapter) -> str:
    text = f"It was LOST from {stamp(one.since)} (first signs; said at {stamp(one.told)})"
    if one.until >= found.until:
        text += f" and still is at the end of this report, after {span(one.until - one.since)}"
    else:
        text += f" to {stamp(one.until)}, for {span(one.until - one.since)}"
    if one.low is None or one.known is None:
        return f"{text}; how many hosts inside answered is not known."
    return f"{text}; at the lowest {one.low} of {one.known} hosts inside answered."


def _outside(found: Situation) -> Iterator[str]:
    losses = [one for one in found.chapters if one.phase is Phase.LOST and one.outside_total]
    if losses:
        longest = max(losses, key=lambda one: one.until - one.told)
        yield (
            f"Of the {longest.outside_total} sites of the same affiliation that are hosted"
            f" elsewhere at least {longest.outside_low} answered through the longest loss;"
            " they never count for the network."
        )


def _routes(found: Situation) -> Iterator[str]:
    if not found.routes:
        yield "Nothing is known of its routes: no routing feed was asked."
        return
    live = [
        one
        for route in found.routes
        for one in route.buckets
        if one.feed is FeedState.LIVE and one.peers
    ]
    if not live:
        yield "Nothing is known of its routes in this span: no routing feed was live."
        return
    total = len(found.routes)
    visible = sum(
        one.last is not None and one.last.state is Routed.VISIBLE for one in found.routes
    )
    fewest = min(live, key=lambda one: one.seen / one.peers)
    if _withdrawn(fewest):
        text = _gone(found)
    else:
        text = (
            f"None of its {total} watched prefixes was withdrawn; at the least"
            f" {fewest.seen} of {fewest.peers} peers held one"
        )
    yield f"{text}; at the end {visible} of {total} were visible."


def _gone(found: Situation) -> str:
    """How many prefixes were withdrawn in the longest loss, and how many at other times."""
    losses = [one for one in found.chapters if one.phase is Phase.LOST]
    loss = max(losses, key=lambda one: one.until - one.told, default=None)
    ever = within = 0
    firsts: list[SightBucket | None] = []
    for route in found.routes:
        ever += any(map(_withdrawn, route.buckets))
        for before, one in pairwise((None, *route.buckets)):
            if loss is None or one is None or not _withdrawn(one):
                continue
            if one.until > loss.since and one.since < loss.until:
                within += 1
                # Where nobody could tell before, it may have begun at any time.
                firsts.append(one if before is not None and before.peers else None)
                break
    total = len(found.routes)
    what = "withdrawn (held by under 10 % of the peers)"
    if not within:
        return f"{ever} of its {total} watched prefixes were {what} for a time"
    text = f"Through the longest loss {within} of its {total} watched prefixes were {what}"
    known = [one.since for one in firsts if one is not None]
    return f"{text}, the first from {stamp(min(known))} on" if len(known) == within else text


def _withdrawn(bucket: SightBucket) -> bool:
    live = bucket.feed is FeedState.LIVE and bucket.peers > 0
    return live and bucket.seen < _WITHDRAWN * bucket.peers


def _path(found: Situation) -> Iterator[str]:
    if found.path is None:
        return
    broken = next((way for way in found.path.ways if way.why), None)
    if broken is not None:
        yield f"As of {stamp(broken.at)}, towards {found.path.name}: {broken.why}."
    elif found.path.breaks:
        yield f"The path to {found.path.name} broke {found.path.breaks} times in this span."
    last = found.path.ways[-1]
    if broken is not None and broken is not last and not last.why:
        same = last.asns == found.path.ways[0].asns
        how = "through the same ASes as usual" if same else "through other ASes than usual"
        yield f"At the end that path is {last.state}, {how}."


def _cause(found: Situation) -> Iterator[Sentence]:
    """Undetermined, unless somebody has said something; then theirs, as theirs."""
    standing = [
        voice
        for voice in found.ledger
        if voice.source in (Source.CLAIMED, Source.INFERRED) and not voice.ended
    ]
    text = "Undetermined by what was observed"
    if found.matrix is not None:
        text += f": {_ranking(found.matrix)}"
    yield Sentence(Source.OBSERVED, f"{text}.", "Cause.")
    for kind, lead in ((EntryKind.CLAIM, "Claimed"), (EntryKind.INFERENCE, "Inferred")):
        voices = [voice for voice in standing if voice.kind == kind]
        for voice in voices[-_MOST_QUOTED:]:
            yield Sentence(voice.source, voice.text, f"{lead}.")
        if len(voices) > _MOST_QUOTED:
            more = len(voices) - _MOST_QUOTED
            yield Sentence(voices[0].source, f"{more} more in the ledger.", f"{lead}.")


def _ranking(matrix: Matrix) -> str:
    fewest = min(row.inconsistent for row in matrix.rows)
    best = [row.title for row in matrix.rows if row.inconsistent == fewest]
    against = "nothing observed" if not fewest else f"the least evidence ({fewest})"
    named = "; ".join(best[:_MOST_NAMED])
    named += f"; and {len(best) - _MOST_NAMED} more" if len(best) > _MOST_NAMED else ""
    which = "one has" if len(best) == 1 else f"{len(best)} have"
    return (
        f"of {len(matrix.rows)} explanations {which} {against} against"
        f" {'it' if len(best) == 1 else 'them'} ({named}), which makes none of them the cause"
    )


def _unknown(found: Situation) -> Iterator[str]:
    if found.asked_until > found.until:
        yield (
            f"Nothing was written after {stamp(found.until)}, though the report was asked for"
            f" up to {stamp(found.asked_until)}."
        )
    if found.asked < found.since:
        yield (
            f"Nothing is remembered of before {stamp(found.since)}, though the report was asked"
            f" for from {stamp(found.asked)} on."
        )
    if found.gaps:
        longest = max(found.gaps, key=lambda gap: gap.until - gap.since)
        many = "one gap" if len(found.gaps) == 1 else f"{len(found.gaps)} gaps"
        yield (
            f"There {'is' if len(found.gaps) == 1 else 'are'} {many} in the observations, the"
            f" longest from {stamp(longest.since)} for {span(longest.until - longest.since)}:"
            f" {longest.why}."
        )
