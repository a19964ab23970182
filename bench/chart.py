"""A chart of ratios as SVG: a bar for each row, on a logarithmic scale, with marks for floor and goal. Legible on light and dark."""

import dataclasses
import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

WIDTH, LABELS, RIGHT = 960, 330, 170
TOP, LINE, BAR = 56, 30, 14
#: Ratios at the two ends of the scale, and those that are written below it.
LEAST, MOST = 0.125, 16.0
TICKS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.small { font-size: 11px; fill: #59636e }
.grid { stroke: #d1d9e0 } .one { stroke: #59636e }
.goal-held { fill: #1a7f37 } .floor-held { fill: #0969da } .missed { fill: #cf222e } .free { fill: #818b98 }
.mark { stroke: #1f2328; stroke-width: 2.5 } .goal { stroke-dasharray: 3 2 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .small { fill: #9198a1 }
  .grid { stroke: #3d444d } .one { stroke: #9198a1 }
  .goal-held { fill: #2ea043 } .floor-held { fill: #388bfd } .missed { fill: #f85149 } .free { fill: #656c76 }
  .mark { stroke: #f0f6fc }
}"""


@dataclasses.dataclass(frozen=True)
class Bar:
    """One row: `ratio` to the speed of `against`; `floor` and `goal` are None where nothing was promised."""

    label: str
    against: str
    ratio: float
    floor: float | None
    goal: float | None

    @property
    def kind(self) -> str:
        """The class that colours it."""
        if self.floor is None or self.goal is None:
            return "free"
        return "goal-held" if self.ratio >= self.goal else "floor-held" if self.ratio >= self.floor else "missed"


def place(ratio: float) -> float:
    """Pixels from the left edge of the chart; what lies beyond the scale is put at its end."""
    part = math.log(min(max(ratio, LEAST), MOST) / LEAST) / math.log(MOST / LEAST)
    return LABELS + part * (WIDTH - LABELS - RIGHT)


def draw(bars: Sequence[Bar]) -> str:
    """The SVG document."""
    height = TOP + LINE * len(bars) + 30
    bottom = height - 26
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">',
        "<title>Speed as a multiple of the other's, with floor and goal</title>",
        f"<style>{STYLE}\n</style>",
        *_legend(),
    ]
    for tick in TICKS:
        x = place(tick)
        parts.append(f'<line class="{"one" if tick == 1 else "grid"}" x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{bottom}"/>')
        parts.append(f'<text class="small" x="{x:.1f}" y="{bottom + 15}" text-anchor="middle">{tick:g}×</text>')
    for number, bar in enumerate(bars):
        parts += _bar(bar, TOP + LINE * number)
    return "\n".join([*parts, "</svg>", ""])


def _bar(bar: Bar, y: int) -> list[str]:
    # From "as fast as the other": to the right is faster, to the left slower.
    ends = sorted((place(1), place(bar.ratio)))
    middle = y + BAR - 2
    parts = [
        f'<text x="{LABELS - 12}" y="{middle}" text-anchor="end">{escape(bar.label)}</text>',
        f'<rect class="{bar.kind}" x="{ends[0]:.1f}" y="{y}" width="{max(ends[1] - ends[0], 2):.1f}" height="{BAR}" rx="2"/>',
    ]
    for value, kind in ((bar.floor, "mark"), (bar.goal, "mark goal")):
        if value is not None:
            x = place(value)
            parts.append(f'<line class="{kind}" x1="{x:.1f}" y1="{y - 4}" x2="{x:.1f}" y2="{y + BAR + 4}"/>')
    parts.append(f'<text x="{WIDTH - RIGHT + 24}" y="{middle}">{bar.ratio:.2f} × {escape(bar.against)}</text>')
    return parts


def _legend() -> list[str]:
    parts, x = [], 12
    for kind, words in (
        ("goal-held", "goal reached"),
        ("floor-held", "floor holds"),
        ("missed", "below the floor"),
        ("free", "for information"),
    ):
        parts.append(f'<rect class="{kind}" x="{x}" y="12" width="{BAR}" height="{BAR}" rx="2"/>')
        parts.append(f'<text x="{x + 20}" y="24">{words}</text>')
        x += 135
    for kind, words in (("mark", "floor"), ("mark goal", "goal")):
        parts.append(f'<line class="{kind}" x1="{x + 6}" y1="9" x2="{x + 6}" y2="29"/>')
        parts.append(f'<text x="{x + 20}" y="24">{words}</text>')
        x += 80
    return parts
