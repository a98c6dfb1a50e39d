"""The control API: what a test, a demo or a benchmark does behind GitHub's back. `docs/simulator.md` lists it."""
