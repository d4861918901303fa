"""Everything about HTTP: start-up, middleware, routes, the visitor's cookie."""
