"""The one class of errors that a user can cause."""


class UserError(Exception):
    """A mistake in a command, a config, a file or a record.

    The message is one sentence that names the config key, file, column or row and says what to do. The entry
    scripts print it without a traceback and exit with status 2.
    """
