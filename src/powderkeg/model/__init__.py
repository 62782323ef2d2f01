"""The words of the house: small frozen values that cross rooms, without behaviour beyond their own data."""
