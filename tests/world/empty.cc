// Keeps the library non-empty while there is no other source.
