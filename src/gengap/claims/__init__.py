"""Published claims, each with the code that reproduces it or says that it did not."""
