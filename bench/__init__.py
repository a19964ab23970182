"""How fast the product is, and how much memory it takes, beside nginx on the same machine in the same minutes: `make bench`."""
