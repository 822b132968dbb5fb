#!/bin/sh
# Tells the registration that infra/hooks/preprovision made where people come back to after they have signed in.
# azd runs it after it has provisioned, with the values of its environment as variables; by hand: azd hooks run postprovision
# Running it again changes nothing.
set -eu

fail() {
  echo "postprovision: $1" >&2
  exit 1
}

mode=$(printf '%s' "${WEB:-off}" | tr '[:upper:]' '[:lower:]')
[ "$mode" = "entra" ] || exit 0
[ "${WEB_REGISTRATION:-}" = "own" ] || exit 0
[ -n "${AZURE_FUNCTION_APP_URL:-}" ] || fail "AZURE_FUNCTION_APP_URL is not set, so it is unknown where people come back to. Run 'azd provision'."
az ad app update --id "$WEB_CLIENT_ID" --web-redirect-uris "$AZURE_FUNCTION_APP_URL/.auth/login/aad/callback" ||
  fail "the redirect address of the registration $WEB_CLIENT_ID could not be set. Run 'az login', then 'azd hooks run postprovision'."
echo "postprovision: people come back to $AZURE_FUNCTION_APP_URL after they have signed in."
