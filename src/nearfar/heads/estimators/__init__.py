"""Estimators of other libraries as solved heads: scikit-learn's, LightGBM's, XGBoost's, CatBoost's."""
