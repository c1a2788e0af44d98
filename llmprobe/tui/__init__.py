"""The screen: reads snapshots, sends commands, knows no wire."""
