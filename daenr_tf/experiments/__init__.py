"""The paper's experiments: which models are trained for which table or figure, how, and what follows from them."""
