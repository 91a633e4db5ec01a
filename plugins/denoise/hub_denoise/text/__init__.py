"""Text without its gaps and slips, by a small masked language model and what slips are like."""
