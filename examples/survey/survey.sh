# Surveys the cluster around this pod, as the pod's own account, in the pod's own namespace.
# The options are those of `runner.py survey`.
set -eu
account=/var/run/secrets/kubernetes.io/serviceaccount
export KUBECONFIG=/data/kubeconfig
umask 077
kubectl config set-cluster here --certificate-authority="$account/ca.crt" --embed-certs \
  --server="https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT"
kubectl config set-credentials pod --token="$(cat "$account/token")"
kubectl config set-context here --cluster=here --user=pod
kubectl config use-context here
exec python3 /latihan/runner.py survey --provider existing --helpers none \
  -e lab_namespace="$(cat "$account/namespace")" "$@"
