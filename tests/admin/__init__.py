"""The administration, on a real database and with a real daemon."""
