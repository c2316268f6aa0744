"""What training and serving cost on this machine: `daenr benchmark` (docs/performance.md)."""
