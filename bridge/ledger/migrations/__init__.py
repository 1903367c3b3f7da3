"""The steps from an empty database to the present tables, in order; never edited once released."""
