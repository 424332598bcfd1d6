"""Half precision where it pays: bfloat16, or float16 with scaled gradients on GPUs without it."""

from __future__ import annotations

import torch

__all__ = ["autocast", "gradient_scaler", "half_type"]


def half_type(device: torch.device) -> torch.dtype:
    """bfloat16, which has float32's range; float16 on CUDA devices that only emulate it."""
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.float16
    return torch.bfloat16


def autocast(device: torch.device) -> torch.autocast:
    """The context in which networks are run during training."""
    return torch.autocast(device.type, half_type(device))


def gradient_scaler(device: torch.device) -> torch.amp.GradScaler:
    """Keeps float16's small gradients from vanishing; does nothing with bfloat16."""
    return torch.amp.GradScaler(device.type, enabled=half_type(device) is torch.float16)
