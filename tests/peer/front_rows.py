"""All rows, in the order in which the table has them."""

from importlib import import_module

from front_row import ROWS, Row

for name in ("front_rows_site", "front_rows_files", "front_rows_rest"):
    import_module(name)

__all__ = ["ROWS", "Row"]
