"""The embedded provider: models, training and answers on this machine."""
