"""Reading market data from files: the storage floor."""
