"""What answers came to: by task, contestant and device, hour by hour, from the windows that devices tell.

- `hours.py`: which hours a question is about. Pure.
- `additions.py`: from a window to what it adds to its hour. Pure.
- `storing.py`: additions into the database, in the transaction that stores their windows.
- `tasks.py`: which tasks there are, and what contestants said; `policies.py`: the rules that devices answer by.
- `devices.py`: what devices' answers came to, and how they are.
- `sums.py`: the figures of what was summed. Pure.
- `what_if.py`: recorded requests by other rules, through the policy itself.
- `expiry.py`: what is too old to be asked for.

A window counts in the hour in which it came, by the cloud's clock: what comes after an outage counts when it came.
"""
