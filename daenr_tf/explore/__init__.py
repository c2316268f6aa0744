"""A local web page on which a fitted model is looked at."""
