"""The database: the only package that knows SQL. One connection, one writer, on the event loop's thread."""
