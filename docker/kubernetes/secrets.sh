#!/bin/sh
# Makes the Kubernetes secrets that values.yaml names, from files that docker/prepare.py has made
# and two addresses of the site's PostgreSQL. Nothing secret is on a command line.
#   docker/kubernetes/secrets.sh NAMESPACE
set -eu
umask 077
namespace=$1
secrets=$(dirname "$0")/../secrets
for name in metadata result_backend; do
    case $name in
        metadata) example=postgresql+psycopg2://airflow:PASSWORD@HOST/airflow ;;
        result_backend) example=db+postgresql+psycopg2://celery:PASSWORD@HOST/celery ;;
    esac
    [ -r "$secrets/$name" ] || {
        echo "$secrets/$name: is missing; write into it the address, with its password: $example" >&2
        exit 2
    }
    # Without a driver's name SQLAlchemy 2.1 takes psycopg 3, which no image has.
    if grep -qE '^(db\+)?postgres(ql)?://' "$secrets/$name"; then
        echo "$secrets/$name: the address names no driver; it must be like $example" >&2
        exit 2
    fi
done
make() {
    name=$1
    shift
    kubectl create secret generic "$name" --namespace "$namespace" --dry-run=client -o yaml "$@" |
        kubectl apply -f -
}
make pneumo-fernet-key --from-file=fernet-key="$secrets/fernet_key"
make pneumo-jwt-secret --from-file=jwt-secret="$secrets/jwt_secret"
make pneumo-api-secret --from-file=api-secret-key="$secrets/api_secret"
make pneumo-broker --from-file=connection="$secrets/broker"
make pneumo-metadata --from-file=connection="$secrets/metadata"
make pneumo-result-backend --from-file=connection="$secrets/result_backend"
make pneumo-passwords --from-file="$secrets/airflow_passwords"
make pneumo-files --from-file="$secrets/aws_credentials" --from-file="$secrets/mlflow_credentials"
