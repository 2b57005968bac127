"""Draws the calibration plot as SVG, without a plotting library."""

from collections.abc import Sequence

from training.metrics import Bin

_SIZE, _MARGIN = 360, 44


def calibration_svg(bins: Sequence[Bin], error: float) -> str:
    """Return a reliability diagram: accuracy against confidence."""
    full = _SIZE + 2 * _MARGIN
    total = max(1, sum(part.count for part in bins))

    def x(value: float) -> float:
        return _MARGIN + value * _SIZE

    def y(value: float) -> float:
        return _MARGIN + (1 - value) * _SIZE

    shapes = []
    for number, part in enumerate(bins):
        left, width = x(number / len(bins)), _SIZE / len(bins)
        share = part.count / total
        shapes.append(
            f'<rect x="{left:.1f}" y="{y(share):.1f}" width="{width:.1f}" '
            f'height="{share * _SIZE:.1f}" fill="#d5dbe3"/>'
        )
        if part.count:
            shapes.append(
                f'<circle cx="{x(part.confidence):.1f}" cy="{y(part.accuracy):.1f}" r="5" '
                f'fill="#1f5fa8"><title>{part.count} texts: confidence {part.confidence:.2f}, '
                f"right {part.accuracy:.2f}</title></circle>"
            )
    ticks = "".join(
        f'<text x="{x(tick):.0f}" y="{full - 26}" text-anchor="middle">{tick:.1f}</text>'
        f'<text x="{_MARGIN - 6}" y="{y(tick) + 4:.0f}" text-anchor="end">{tick:.1f}</text>'
        for tick in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {full} {full}" '
        f'font-family="sans-serif" font-size="12">\n'
        f'<rect width="{full}" height="{full}" fill="white"/>\n'
        + "\n".join(shapes)
        + f'\n<line x1="{x(0):.0f}" y1="{y(0):.0f}" x2="{x(1):.0f}" y2="{y(1):.0f}" '
        'stroke="#888" stroke-dasharray="4 4"/>\n'
        f'<rect x="{_MARGIN}" y="{_MARGIN}" width="{_SIZE}" height="{_SIZE}" fill="none" '
        f'stroke="#444"/>\n{ticks}\n'
        f'<text x="{full / 2:.0f}" y="{full - 8}" text-anchor="middle">'
        "probability of the predicted class</text>\n"
        f'<text x="{full / 2:.0f}" y="24" text-anchor="middle">share that is right (dots), share '
        f"of texts (bars); ECE {error:.3f}</text>\n</svg>\n"
    )
