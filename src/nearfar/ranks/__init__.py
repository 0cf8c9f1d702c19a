"""Several processes that train one model: shares of a batch, and what goes between them."""
