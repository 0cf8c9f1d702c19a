"""Estimators of scikit-learn, LightGBM, XGBoost and CatBoost as solved heads."""
