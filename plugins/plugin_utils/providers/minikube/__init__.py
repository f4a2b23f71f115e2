"""The provider ``minikube``: a cluster that the user's own minikube makes, as in the article."""
