"""The way to cloud contestants: questions out, scores in, and what is known of the link between.

- `asker.py`: what asks, put together.
- `link.py`: asks and hears. `interface.py` is what the desk and it want of each other.
- `pending.py`: questions under way; `sender.py` puts them on the wire; `prober.py` sends probes; `record.py` counts.
- `health.py`: whether the link is worth asking over; `budget.py`: how much may be sent; `asked_task.py`: what is known
  of a task's contestants, `sizes.py`: what size of picture they want. Pure. `ledger.py` remembers the budget over
  restarts.

Whether and when to ask is the rendezvous's to say; what the cloud shares of this is in `roost_shared.asking`.
"""
