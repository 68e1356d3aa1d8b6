#!/usr/bin/env bash
# Starts RabbitMQ with definitions.json, whose user the environment names: RabbitMQ itself puts no variables into it.
set -euo pipefail

definitions=$(<"$(dirname "${BASH_SOURCE[0]}")/definitions.json")
for name in BROKER_USER BROKER_PASSWORD; do
  definitions=${definitions//"\${$name}"/${!name}}
done
printf '%s\n' "$definitions" >/tmp/definitions.json

exec docker-entrypoint.sh rabbitmq-server
