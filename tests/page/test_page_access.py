"""Rules for people who see or hear a page differently, checked by axe."""

from pathlib import Path

import pytest

AXE = Path(__file__).parents[2] / "tools" / "page" / "node_modules" / "axe-core" / "axe.min.js"


def violations(page):
    """What axe finds, as one line each."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [f"{each['impact']} {each['id']}: {each['nodes'][0]['html'][:150]}" for each in found]


@pytest.fixture
def axe():
    if not AXE.is_file():
        pytest.skip("needs axe-core: npm ci --prefix tools/page")
    return violations


slow = pytest.mark.slow


@pytest.mark.parametrize(
    ("width", "scheme"),
    [(1400, "light"), (390, "dark"), pytest.param(1400, "dark", marks=slow), pytest.param(390, "light", marks=slow)],
)
def test_axe_finds_nothing(report, axe, width, scheme):
    page = report(width=width)
    page.emulate_media(color_scheme=scheme)
    assert axe(page) == []
    if width < 620:
        page.locator(".row[data-key]").nth(3).click()
    else:
        page.get_by_role("button", name="Filters").click()
    page.keyboard.press("a")
    page.locator(".toast").wait_for()
    page.get_by_text("Comment, name, keys").click()
    page.get_by_text("Protocol").click()
    assert axe(page) == []


def test_the_message_is_read_out_and_every_control_has_a_name(report):
    page = report()
    assert page.locator(".toasts").get_attribute("aria-live") == "polite"
    names = page.evaluate(
        "[...document.querySelectorAll('button, input, select, canvas, [role=img]')]"
        ".map(e => e.ariaLabel || e.textContent || (e.labels && [...e.labels].map(l => l.textContent).join(' ')) || '')"
    )
    assert all(name.strip() for name in names)
