"""One module per bench; see `scripts.roost_bench.bench` for what each holds."""
