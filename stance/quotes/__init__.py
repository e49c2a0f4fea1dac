"""Quote extraction: who says what in an article."""

from stance.quotes.reader import Quote, QuoteReader, load_reader

__all__ = ["Quote", "QuoteReader", "load_reader"]
