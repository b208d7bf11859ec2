"""Metrics by region, intervals, tables and protocol cards."""
