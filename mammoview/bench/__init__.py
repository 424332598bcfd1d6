"""How fast the engine is on this machine, against the plain ways to do the same; see docs/performance.md."""
