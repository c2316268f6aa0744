"""What is known without a network: models of the field that a deep one has to beat, fitted and measured as a
fit is (docs/baselines.md). None of them sees TensorFlow."""
