"""What is read out of maps and held against what happened."""
