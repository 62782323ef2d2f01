"""Maps and heatmaps: where market data and the numerics meet, and the values that people use."""
