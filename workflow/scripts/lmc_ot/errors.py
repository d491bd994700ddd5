"""Errors for the user: one line that names the file or key, the problem and a remedy."""


def one_line(said, most: int = 300) -> str:
    """Return a message, or a value quoted in one, as a single line of at most `most` characters."""
    text = " ".join(str(said).split()) or type(said).__name__
    return text if len(text) <= most else f"{text[: most - 3]}..."


class UserError(Exception):
    """A problem that the user can fix: a config key, a file, a folder. Its text is one line."""


class ConfigError(UserError):
    """A config key is unknown, missing, of the wrong type or out of range."""


class TableError(UserError):
    """A file is missing, truncated or from another run, or violates its schema."""


class DataError(UserError):
    """A data set cannot be obtained, or its content differs from its declaration."""
