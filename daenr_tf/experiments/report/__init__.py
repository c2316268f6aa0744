"""The report of a study: tables, pictures, one page."""
