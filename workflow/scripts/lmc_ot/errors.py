"""Errors that are meant for the user: one line with the place, the problem and a remedy."""


def one_line(said, most: int = 300) -> str:
    """The text of an error, or of a value in one, without line breaks and not too long."""
    text = " ".join(str(said).split()) or type(said).__name__
    return text if len(text) <= most else f"{text[: most - 3]}..."


class UserError(Exception):
    """Something the user can mend: a config key, a file, a folder. Its text is one line."""


class ConfigError(UserError):
    """A key of the config is unknown, missing, of the wrong type or out of range."""


class TableError(UserError):
    """A file is missing, truncated, foreign, or holds what its schema does not allow."""


class DataError(UserError):
    """A data set cannot be obtained, or its content is not what was declared."""
