"""The language of the application: frozen values, no I/O, no clock."""
