"""nanotyped: typed data-contract ETL. Pipelines that would break are refused before they run."""
