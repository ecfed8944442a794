"""The dashboard: pages that people run a fleet from, by NiceGUI, mounted in the application as the role `dashboard`.

- `door.py`: where the application meets it. Nothing else here is loaded before the first page is asked for.
- `gate.py`: who comes in: a session's cookie, and nobody from another site.
- `session.py`: what that cookie says. Pure.
- `visitor.py`: who looks at a page, and what that one may do: the API's own handlers, called as they are.
- `signing_in.py`: the page that takes a token, and what pages show that is no page.
- `frame.py`: what all pages have in common. `style.css`: how they look.
- `markup.py`, `words.py`, `parts.py`: HTML, text and tables. Pure.
- `pages/`: one each.

A page decides nothing and reads no table: what it shows is what a handler of the API gives (or a room, of the fleet's
counts by state), and what it does is what a handler of the API does, so whatever can be done here can be done by a
program.
"""
