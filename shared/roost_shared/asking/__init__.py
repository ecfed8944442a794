"""What both sides that ask scorers share: what they learn of the way, and what they take for a score. Pure.

- `round_trip.py`: how long a question takes; `reach.py`: what of it the rendezvous should know.
- `question_ids.py`: whose question it was; `incoming.py`: whether a message is a score somebody waits for; `sense.py`:
  whether what it says makes sense.

Who asks: `roost_edge.asking` and `roost_cloud.asking`.
"""
