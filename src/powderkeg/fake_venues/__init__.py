"""Local servers that speak the venues' protocols from scripted or simulated markets, with faults."""
