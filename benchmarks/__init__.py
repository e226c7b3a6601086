"""Side by side with peers: whole jobs, each in its own process, ratios within one run. ``make bench`` runs them."""
