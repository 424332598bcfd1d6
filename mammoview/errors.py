"""What can go wrong, as a tree; each message is one sentence that says what to do next.

MammoviewError
├── UnreadableScan          the file cannot be shown as a mammogram
│   ├── TruncatedScan       it ends before its last pixel
│   └── OversizedScan       it declares more pixels than any film has
├── UnreadableOutlines      the annotation cannot be placed on the film
├── BreastNotFound          no breast could be told from the background
├── NotEnoughMemory         not even a small piece of the work fits the device
├── WeightsMissing          a network's card or tensors are not there
├── WeightsMismatch         the tensors are not the ones the card describes
├── UnusableCheckpoint      a training cannot go on from what it saved
├── UnusableDataset         a folder of training films cannot be used as it is
├── UnusableReadings        the file of readings cannot be read or written
├── AlreadyRecorded         an impression does not fit what is recorded of the film
├── BadSetting              an option is unknown or out of its range
└── Cancelled               the reader asked to stop
"""

__all__ = [
    "AlreadyRecorded",
    "BadSetting",
    "BreastNotFound",
    "Cancelled",
    "MammoviewError",
    "NotEnoughMemory",
    "OversizedScan",
    "TruncatedScan",
    "UnreadableOutlines",
    "UnreadableScan",
    "UnusableCheckpoint",
    "UnusableDataset",
    "UnusableReadings",
    "WeightsMismatch",
    "WeightsMissing",
]


class MammoviewError(Exception):
    """Base of every error that Mammoview raises on purpose; its text is meant for the reader."""


class UnreadableScan(MammoviewError):
    """The file cannot be shown as a mammogram."""


class TruncatedScan(UnreadableScan):
    """The file ends before its last pixel."""


class OversizedScan(UnreadableScan):
    """The file declares more pixels than any mammogram has."""


class UnreadableOutlines(MammoviewError):
    """The annotation cannot be placed on the film."""


class BreastNotFound(MammoviewError):
    """No breast could be told from the background."""


class NotEnoughMemory(MammoviewError):
    """Not even a small piece of the work fits the memory of the device."""


class WeightsMissing(MammoviewError):
    """A network's card or tensors are not in the weights folder."""


class WeightsMismatch(MammoviewError):
    """The tensors are not the ones that the card describes."""


class UnusableCheckpoint(MammoviewError):
    """A training cannot go on from what it saved."""


class UnusableDataset(MammoviewError):
    """A folder of films cannot be used for training or evaluation as it is."""


class UnusableReadings(MammoviewError):
    """The file of readings cannot be read or written; nothing of it was changed."""


class AlreadyRecorded(MammoviewError):
    """An impression or a reveal does not fit what is recorded of the film; nothing was written over it."""


class BadSetting(MammoviewError):
    """An option is unknown or out of its range."""


class Cancelled(MammoviewError):
    """The reader asked to stop."""
