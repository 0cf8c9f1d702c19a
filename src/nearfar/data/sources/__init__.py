"""What a study file names under `data: source`: each reads its rows into a data set."""
