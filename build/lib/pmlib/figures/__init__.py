"""One module a chapter, one function a figure: data frames in, a matplotlib figure out."""
