"""Quote extraction: who says what in an article."""

from stance.quotes.reader import QuoteReader, load_reader

__all__ = ["QuoteReader", "load_reader"]
