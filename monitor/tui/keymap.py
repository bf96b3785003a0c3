"""Every key of the desk, in one place: the same on every screen."""

from __future__ import annotations

from typing import Final

from textual.binding import Binding

MOVE: Final = [
    Binding("down,j", "cursor(1)", "down", id="down", show=False),
    Binding("up,k", "cursor(-1)", "up", id="up", show=False),
    Binding("pagedown,ctrl+d", "page(1)", "page down", id="page-down", show=False),
    Binding("pageup,ctrl+u", "page(-1)", "page up", id="page-up", show=False),
    Binding("home", "first", "first line", id="first", show=False),
    Binding("end,G", "last", "last line", id="last", show=False),
    Binding("enter", "open", "open", id="open"),
]

BOARD: Final = [
    Binding("slash", "filter", "filter", id="filter", key_display="/"),
    Binding("g", "group", "group", id="group"),
    Binding("s", "sort", "sort", id="sort"),
    Binding("S", "reverse", "turn the order round", id="reverse", show=False),
    Binding("f", "soft", "soft events", id="soft"),
    Binding("1", "panel('strip')", "situation strip", id="panel-strip", show=False),
    Binding("2", "panel('hosts')", "hosts panel", id="panel-hosts", show=False),
    Binding("3", "panel('path')", "path panel", id="panel-path", show=False),
    Binding("4", "panel('events')", "events panel", id="panel-events", show=False),
]

DESK: Final = [
    Binding("a", "ack", "ack", id="ack"),
    Binding("n", "note", "note", id="note"),
    Binding("m", "maintenance", "maintenance", id="maintenance"),
    Binding("c", "claim", "claim: what somebody said", id="claim", show=False),
    Binding("i", "infer", "infer: what you conclude", id="infer", show=False),
    Binding("l", "timeline", "timeline", id="timeline"),
    Binding("v", "seen", "all of this is seen", id="seen", show=False),
    Binding("X", "withdraw", "end, withdraw an entry", id="withdraw", show=False),
]

TIME: Final = [
    Binding("left_square_bracket", "step(-1)", "event before", id="time-back"),
    Binding("right_square_bracket", "step(1)", "next event", id="time-forth", show=False),
    Binding("left_curly_bracket", "hour(-1)", "an hour back", id="hour-back", show=False),
    Binding("right_curly_bracket", "hour(1)", "an hour forth", id="hour-forth", show=False),
    Binding("at", "moment", "go to a moment", id="time-at", show=False),
    Binding("equals_sign", "now", "now", id="time-now"),
]

HISTORY: Final = [
    Binding("z", "zoom(1)", "longer", id="zoom-out"),
    Binding("Z", "zoom(-1)", "shorter", id="zoom-in", show=False),
]

TRACES: Final = [
    Binding("comma", "trace(-1)", "earlier trace", id="trace-back"),
    Binding("full_stop", "trace(1)", "later", id="trace-forth"),
]

EVERYWHERE: Final = [
    Binding("escape", "back", "back", id="back", key_display="esc"),
    Binding("tab", "next_panel", "next panel", id="next", show=False),
    Binding("shift+tab", "previous_panel", "previous panel", id="previous", show=False),
    Binding("p", "path", "path", id="path"),
    Binding("w", "why", "why", id="why"),
    Binding("x", "explain", "explanations", id="explain"),
    Binding("r", "probe", "probe now", id="probe"),
    Binding("e", "export", "export", id="export"),
    Binding("t", "theme", "theme", id="theme"),
    Binding(
        "colon,ctrl+p", "command_palette", "commands", id="commands", key_display=": ctrl+p"
    ),
    Binding("question_mark", "help", "help", id="help", key_display="?"),
    Binding("q", "quit", "quit", id="quit"),
]

DRILL: Final = [
    Binding("space", "drill('pause')", "pause, go on", id="drill-pause", show=False),
    Binding("plus", "drill('faster')", "faster", id="drill-faster", show=False),
    Binding("minus", "drill('slower')", "slower", id="drill-slower", show=False),
    Binding(
        "greater_than_sign",
        "drill('jump')",
        "jump to the next event",
        id="drill-jump",
        show=False,
    ),
]

# Help and the footer follow this order.
SECTIONS: Final = (
    ("Move", MOVE),
    ("Board", BOARD),
    ("Everywhere", EVERYWHERE),
    ("What you know, were told and conclude", DESK),
    ("In time", TIME),
    ("History of a host, a check, a network, a path", HISTORY),
    ("On the path of a host", TRACES),
    ("In a drill", DRILL),
)
BINDING_IDS: Final = frozenset(
    binding.id for _, bindings in SECTIONS for binding in bindings if binding.id
)
# Shown in this order as far as the width goes; what is only useful in context goes first.
FOOTER: Final = (
    "open",
    "back",
    "time-now",
    "trace-back",
    "trace-forth",
    "path",
    "why",
    "explain",
    "ack",
    "note",
    "zoom-out",
    "filter",
    "group",
    "sort",
    "timeline",
    "probe",
    "time-back",
    "soft",
    "maintenance",
    "export",
    "theme",
    "commands",
    "help",
    "quit",
)
_NAMES: Final = {
    "slash": "/",
    "colon": ":",
    "question_mark": "?",
    "escape": "esc",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "shift+tab": "shift+tab",
    "plus": "+",
    "equals_sign": "=",
    "minus": "-",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "at": "@",
    "comma": ",",
    "full_stop": ".",
    "greater_than_sign": ">",
}


def key_name(key: str) -> str:
    """A key as people read it."""
    return _NAMES.get(key.strip(), key.strip())
