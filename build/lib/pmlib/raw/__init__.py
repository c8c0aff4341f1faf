"""Raw files: one table of a file or server of any kind, as plain text in UTF-8 or as Parquet."""
