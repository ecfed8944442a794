"""Inputs and records kept on the device's disk until the cloud has them (DESIGN.md, section 8).

    append ──▶ segments  (record and payload, once)  ──┐
           ──▶ index     (SQLite: entries, outbox)  ───┴▶ reported kept, when both are durable

- Keeping: `store` is the spool; `opening` it after a power cut, `rebuilding` a damaged index, `high_water` tells what
  was never known from what has gone; `admission` and `dedupe`
  say what of an append is new. On the disk: `segments` of `frame`s, `index` with its `entries`, `disk`, `punch`.
- Making room: `limits`, `room`, `thinning`, `removal`; `upkeep` and `compaction` from time to time. Ages are counted
  in `running_time`, and `raises` are what is worth more than it was kept for.
- To the cloud: `interface` and `reader` are what the uploader sees, `sealing` says what is next; `teller` sends the
  `outbox`'s records by `go_back_n`.
- `tally`: what it holds and what became of the rest.

Only for the spooler's process: it loads sqlite3. What is worth keeping is not decided here.
"""
