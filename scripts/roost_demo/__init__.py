"""The demo: two devices and a broker on this machine, whose models are broken while it streams pictures to them.

```
pictures ─▶ networks ─▶ contestants (bundles) ─▶ house (broker, agents) ◀─ faults
    └──────────────▶ stream ─▶ sensor ──MQTT──▶ agent ──MQTT──▶ sensor ─▶ outcomes ─▶ screen, report
```
It uses Roost from outside, as anyone would: the agents are `roost-agent` processes, and the sensors speak plain
MQTT 3.1.1.
"""
