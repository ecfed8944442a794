"""The edge agent: takes inputs, runs local contestants, answers each request by its deadline."""
