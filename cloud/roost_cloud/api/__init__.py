"""HTTP: translates requests into calls to the rooms, and what they say into responses. It decides nothing.

A module for each noun under `/api/v1`, `v2` for the Open Inference Protocol, `health` for those who watch. `auth` says
who is asking, `traffic` limits and counts every request, `errors` gives each error its status; `pages`, `fields`,
`parts`, `sending` are what several routes share. `routes` puts them together, below `prefix`.
"""
