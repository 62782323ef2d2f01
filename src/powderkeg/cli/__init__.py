"""The command line: how people and scripts meet powderkeg."""
