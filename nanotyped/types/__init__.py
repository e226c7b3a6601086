"""The type systems and the conversions between them."""
