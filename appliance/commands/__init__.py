"""The command line's groups, one noun each."""
