"""Inputs and records kept on the device's disk until the cloud has them (DESIGN.md, section 8).

    append ──▶ segments  (record and payload, once)  ──┐
           ──▶ index     (SQLite: entries, outbox)  ───┴▶ reported kept, when both are durable

Only for the spooler's process: it loads sqlite3. `interface` says what the uploader sees of it.
"""
