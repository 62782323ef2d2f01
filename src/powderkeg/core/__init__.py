"""Pure numerics: arrays in, arrays out; no clock, file, network or randomness of its own."""
