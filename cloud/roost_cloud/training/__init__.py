"""Training: a job in a folder goes in, a candidate bundle comes out; nothing here opens a database or a network.

- `job`: what a trainer gets, `trainer`: what it must be, `progress`: what it says meanwhile, `errors`: why it cannot.
- `head/` and `torch/`: the trainers that there are; `candidate` writes what they make.
- `__main__` does a job in a process of its own: `process` is that process from within, `lines` what it writes,
  `discovery` finds the trainer; `program` is what it has in common with the gate's.

Which runs there are and who runs them is `runs`; whether a candidate is good enough is `gate`'s to say.
"""
