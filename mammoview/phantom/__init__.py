"""A synthetic DDSM case with known lesions, written in the true file formats.

The pipeline of one film: `anatomy` lays out a compressed breast in millimetres of tissue, `lesions`
puts known masses and calcifications into it, `film` exposes, develops, labels and digitises it,
`files` writes the case. Nothing here comes from a patient.
"""

from typing import Final

from mammoview.phantom.files import write_case

__all__ = ["DEMO_SEED", "write_case"]

DEMO_SEED: Final = 3
"""The case that a newcomer sees first."""
