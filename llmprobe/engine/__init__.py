"""Virtual users and their pace."""
