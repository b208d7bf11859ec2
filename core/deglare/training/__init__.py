"""Training: batches drawn without state, a visible loop on Lightning Fabric, exact resume, reports as files."""
