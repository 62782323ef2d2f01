"""What to ask each venue and how to read its answers: pure translators, without files, clocks or network."""
