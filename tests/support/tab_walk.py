"""Going through a page by the Tab key: what can be pressed or filled in, and is not come to, or not seen there."""

from typing import Any, Final

from playwright.sync_api import Page

__all__ = ["not_reached"]

# What is folded away can be reached once it is unfolded.
_MARK: Final = """() => {
  document.querySelectorAll('details').forEach(one => { one.open = true; });
  const every = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')];
  const wanted = every.filter(one => !one.disabled && one.type !== 'hidden' && one.getClientRects().length
    && one.getAttribute('tabindex') !== '-1' && getComputedStyle(one).visibility !== 'hidden'
    && !one.closest('[aria-hidden=true]'));
  wanted.forEach((one, place) => one.setAttribute('data-wanted', place));
  document.activeElement.blur();
  return wanted.map(one => (one.getAttribute('aria-label') || one.textContent || one.name || '').trim().slice(0, 60));
}"""
# Where the focus is: by an outline, or by what Quasar does to a field.
_AT: Final = """() => {
  const one = document.activeElement, look = getComputedStyle(one), field = one.closest('.q-field');
  const outlined = look.outlineStyle !== 'none' && parseFloat(look.outlineWidth) > 0;
  return [one.getAttribute('data-wanted'), outlined || field?.classList.contains('q-field--focused') === true];
}"""


def not_reached(page: Page) -> list[str]:
    """Names of what is not reached, and of what is reached and not seen to be; none, if all is well."""
    names: list[str] = page.evaluate(_MARK)
    left = dict(enumerate(names))
    problems: list[str] = []
    for _ in range(len(names) + 3):
        page.keyboard.press("Tab")
        found: list[Any] = page.evaluate(_AT)
        place, is_seen = found
        if place is not None and (name := left.pop(int(place), None)) is not None and not is_seen:
            problems.append(f"focus not seen: {name}")
    return [*problems, *(f"not reached: {name}" for name in left.values())]
