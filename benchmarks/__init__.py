"""Side by side with peers: whole jobs, each in a process of its own, ratios within one run. ``make bench`` runs them."""
