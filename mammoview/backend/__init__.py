"""The GPU module: dense scans, heat, saliency, and `assess`, which puts them in the paper's order."""
