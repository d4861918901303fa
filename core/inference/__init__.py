"""Using finished runs: encoding, sampling, explanations and export."""
