"""Rollouts: the staged change of what devices are assigned, with proof from each, and the way back.

- `plan.py`: what people write: stages, thresholds, windows. Pure.
- `membership.py`: which stages reach which devices; `reached.py`: whom they have reached, once for all. Pure.
- `states.py`: what a rollout, and a device in it, can be. Pure.
- `following.py`, `counting.py`: what becomes of a device by what it reports; how a stage stands. Pure.
- `policy.py`: from what devices report and what a gate found to what is done next. Pure.
- `orders.py`: what a person may do to it. Pure.
- `e_process.py`: how sure a share is above or below a bound, at whatever moment one looks. Pure.
- `gate.py`: safety, surprise and quality of a candidate among live inputs. Pure.
- `proof.py`, `facts.py`, `evidence.py`: what devices' reports and windows show. Pure.
- `targets.py`: what a rollout makes of an assignment. Pure.
- `rehearsal.py`: the same policy over a made-up fleet. Pure. `made_up_fleet.py`: its devices and the candidate that
  they are given; `made_up_inputs.py`: what they score, and what people label.
- `store.py`, `members.py`, `notes.py`: rollouts, their devices and every transition, in the database.
- `knowing.py`, `ruling.py`, `finding.py`: what the database knows, and what the gate makes of it.
- `starting.py`, `ordering.py`, `directing.py`: who begins one, who is told to, and who goes on with it.
"""
