"""The HTTP edge: routes, schemas, the map from errors to answers, the small page."""
