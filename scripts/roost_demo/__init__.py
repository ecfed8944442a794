"""The demo: a cloud, a broker and four devices on this machine; their models are broken while it streams pictures.

What goes on beside the pictures, such as an alarm, a training run or a rollout, is a scene: an operator's work, by the
API.

```
pictures ─▶ networks ─▶ contestants (bundles) ─▶ house (broker, agents) ◀─ faults
    └──────────────▶ stream ─▶ sensor ──MQTT──▶ agent ──MQTT──▶ sensor ─▶ outcomes ─▶ screen, report
```
It uses Roost from outside, as anyone would: the agents are `roost-agent` processes, and the sensors speak plain
MQTT 3.1.1.
"""
