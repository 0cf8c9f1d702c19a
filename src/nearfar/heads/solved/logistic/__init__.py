"""Logistic and softmax regression, one alone or many on the same features."""
