"""The dashboard: pages that people run a fleet from, by NiceGUI, mounted in the application as the role `dashboard`.

- `door.py`: where the application meets it. Nothing else here is loaded before the first page is asked for.
- `gate.py`: who comes in: a session's cookie, and nobody from another site.
- `session.py`: what that cookie says. Pure.
- `visitor.py`: who looks at a page, and what that one may do: the API's own handlers, called as they are.
- `house.py`: what is behind the gate; `signing_in.py`: the page that takes a token, and what pages show that is no
  page.
- `frame.py`: what all pages have in common. `style.css`: how they look. `open_page.js`: what keeps them true while
  they stand open.
- `markup.py`, `words.py`, `parts.py`, `search.py`: HTML, text, tables, and forms that make lists shorter. Pure.
- Drawings, pure: `chart.py` (numbers over time), `time_axis.py` (a task's rules), `graph.py` (what came of what, for
  `lineage.py`), `matrix.py`, `agreement.py`, `progress.py`, `timeline.py`.
- What is said of one thing on several pages: `health.py`, `guess.py`, `pace.py`, `labelling_state.py`. Pure.
- What answers to a person: `dialog.py`, `budget.py`, `what_if.py`; `labelling_desk.py`, by the pure `sheet.py`.
- `pages/`: one each.

A page decides nothing: what it shows is what a handler of the API gives (the fleet's asks two rooms itself), and what
it does is what a handler of the API does, so whatever can be done here can be done by a program.
"""
