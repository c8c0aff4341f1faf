"""What the reader sees: one HTML page of five executed notebooks and the texts around them."""
