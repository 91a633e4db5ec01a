"""Tell whether a new example is like what was seen before: rows of tables, and pictures."""
