"""How well the networks do, on patients they never saw."""
