"""What a user can get wrong. Every message says what, why and what to do, in one sentence."""


class DeglareError(Exception):
    """A mistake the user can mend; the command line prints it without a traceback and exits 2."""


class DataError(DeglareError):
    """A file, folder or array that is not what it should be."""


class RequestError(DeglareError):
    """A request that cannot be met: an unknown name, a setting out of range, a folder in the way."""


class CheckpointError(DeglareError):
    """Weights that do not fit the network they are meant for."""


class LabelError(DeglareError):
    """Labels or annotations that cannot be read or written."""
