"""What the reader sees: `chapter` is what a notebook talks to, `build` makes one HTML of five."""
