"""The plots of a report as SVG inside the page: no script, no address, text that is text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from monitor.cache.sights import SightBucket
from monitor.records import HOUR, MINUTE, FeedState, Micros
from monitor.report.situation import RoutePicture, Situation
from monitor.report.times import local, moment

WIDTH: Final = 960
_LEFT: Final = 44
_RIGHT: Final = 8
_BAND: Final = 34
_PLOT: Final = 120
_ROUTE: Final = 64
_TICKS: Final = 9
_STEPS: Final = tuple(
    step * unit
    for unit, steps in ((MINUTE, (5, 10, 15, 30)), (HOUR, (1, 2, 3, 6, 12, 24, 48, 168, 720)))
    for step in steps
)
# A label narrower than this would run into its neighbour; the legend has the word too.
_LABELLED: Final = 64
_DAY: Final = 24 * HOUR


def band(found: Situation) -> str:
    """The phases as a band: what was said when, each with its word where there is room."""
    scale = _Scale(found)
    parts = list(scale.axis(_BAND + 4))
    for one in found.band:
        left, width = scale.at(one.since), scale.at(one.until) - scale.at(one.since)
        name = escape(one.phase)
        title = f"{name} {local(one.since, 'UTC')[:15]}Z to {local(one.until, 'UTC')[:15]}Z"
        parts.append(
            f'<rect class="p-{name}" x="{left:.1f}" y="2" width="{max(width, 0.8):.1f}"'
            f' height="{_BAND}"><title>{escape(title)}</title></rect>'
        )
        if width > _LABELLED:
            parts.append(
                f'<text class="in" x="{left + width / 2:.1f}" y="{_BAND / 2 + 6:.0f}">{name}'
                "</text>"
            )
    return _svg(parts, _BAND + 4 + scale.foot, "Phases of the network over time")


def counts(found: Situation) -> str:
    """The fewest and the most hosts inside that answered; nothing is drawn in a gap."""
    scale = _Scale(found)
    top = max((one.total or 0 for one in found.counts), default=0) or 1
    parts = list(scale.axis(_PLOT))
    parts += _levels((0, top // 2, top) if top > 1 else (0, top), top, _PLOT)
    for one in found.counts:
        left, width = scale.at(one.since), scale.at(one.until) - scale.at(one.since)
        if one.low is None or one.high is None:
            parts.append(_gap(left, width, _PLOT))
            continue
        high, low = _height(one.high, top, _PLOT), _height(one.low, top, _PLOT)
        parts.append(_box("range", (left, high), (width, low - high + 1.5)))
        parts.append(_box("area", (left, low), (width, _PLOT - low)))
    return _svg(parts, _PLOT + scale.foot, f"Hosts inside that answered, of {top}")


def routes(found: Situation, route: RoutePicture) -> str:
    """The fewest peers that held a prefix; a feed that was not live is drawn as a gap."""
    scale = _Scale(found)
    live = [one for one in route.buckets if _told(one)]
    top = max((one.peers for one in live), default=0) or 1
    parts = list(scale.axis(_ROUTE))
    parts += _levels((0, top), top, _ROUTE)
    for one in route.buckets:
        left, width = scale.at(one.since), scale.at(one.until) - scale.at(one.since)
        if not _told(one):
            parts.append(_gap(left, width, _ROUTE))
            continue
        level = _height(one.seen, top, _ROUTE)
        parts.append(_box("area", (left, level), (width, _ROUTE - level)))
        parts.append(_box("edge", (left, level), (width, 1.5)))
    return _svg(parts, _ROUTE + scale.foot, f"Peers that hold {route.prefix}, of {top}")


def _told(one: SightBucket) -> bool:
    return one.feed is FeedState.LIVE and one.peers > 0


class _Scale:
    """Time from left to right, with its ticks in UTC and in the target's time."""

    def __init__(self, found: Situation) -> None:
        self._since, self._until = found.since, found.until
        target = found.zones[-1]
        self._zone = target.name if target.role == "target" else ""
        self.foot = 36 if self._zone else 22

    def at(self, at: Micros) -> float:
        share = (at - self._since) / (self._until - self._since)
        return _LEFT + share * (WIDTH - _LEFT - _RIGHT)

    def axis(self, height: int) -> Iterator[str]:
        span = self._until - self._since
        step = next((one for one in _STEPS if span / one <= _TICKS), span // _TICKS + 1)
        tick = -(-self._since // step) * step
        yield f'<text class="tick end" x="{_LEFT - 6}" y="{height + 14}">UTC</text>'
        if self._zone:
            yield f'<text class="tick end" x="{_LEFT - 6}" y="{height + 28}">target</text>'
        while tick <= self._until:
            x = self.at(tick)
            yield f'<path class="grid" d="M{x:.1f} 2V{height}"/>'
            if x > _LEFT + 12 and x < WIDTH - 24:
                yield _label(x, height + 14, _tick(moment(tick).strftime("%d %b %H:%M"), step))
                if self._zone:
                    yield _label(x, height + 28, _tick(local(tick, self._zone)[:12], step))
            tick += step


def _tick(text: str, step: Micros) -> str:
    """``22 Dec`` at midnight, else the time; the day alone where days are far apart."""
    return text[:6] if step >= _DAY or text.endswith("00:00") else text[7:]


def _label(x: float, y: float, text: str) -> str:
    return f'<text class="tick" x="{x:.1f}" y="{y:.0f}">{escape(text)}</text>'


def _levels(values: Sequence[int], top: int, height: int) -> Iterator[str]:
    for value in values:
        y = _height(value, top, height)
        yield f'<path class="grid" d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}"/>'
        at = f'x="{_LEFT - 6}" y="{min(y + 4, height):.1f}"'
        yield f'<text class="tick end" {at}>{value}</text>'


def _height(value: int, top: int, height: int) -> float:
    return height - (height - 8) * min(1.0, value / top)


def _box(name: str, corner: tuple[float, float], size: tuple[float, float]) -> str:
    # A hair wider than its share: neighbours must not show a seam.
    return (
        f'<rect class="{name}" x="{corner[0]:.1f}" y="{corner[1]:.1f}"'
        f' width="{size[0] + 0.4:.1f}" height="{max(0.0, size[1]):.1f}"/>'
    )


def _gap(left: float, width: float, height: int) -> str:
    return (
        f'<rect class="gap" x="{left:.1f}" y="8" width="{width + 0.2:.1f}"'
        f' height="{height - 8}"><title>nothing is known</title></rect>'
    )


def _svg(parts: Sequence[str], height: int, label: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg>"
    )
