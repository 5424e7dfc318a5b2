"""The forecast's parameters, fitted to published counts; writes into the package's parameter files."""
