"""The words of the field: frozen types, no I/O, no clock, no dice."""
