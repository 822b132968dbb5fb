#!/bin/sh
# Registers the application that people sign in to, where WEB is entra and WEB_CLIENT_ID names none.
# azd runs it before it provisions, with the values of its environment as variables; by hand: azd hooks run preprovision
# Running it again changes nothing: a registration of the same name is taken.
set -eu

fail() {
  echo "preprovision: $1" >&2
  exit 1
}

mode=$(printf '%s' "${WEB:-off}" | tr '[:upper:]' '[:lower:]')
[ "$mode" = "entra" ] || exit 0
[ -z "${WEB_CLIENT_ID:-}" ] || exit 0
[ -n "${AZURE_ENV_NAME:-}" ] || fail "AZURE_ENV_NAME is not set, so the registration has no name. Run 'azd provision', which sets it."
command -v az >/dev/null 2>&1 ||
  fail "the Azure CLI (az) is missing, and only it can register the application. Install it, run 'az login', then 'azd provision'."

name="entity-drop-$AZURE_ENV_NAME"
client_id=$(az ad app list --display-name "$name" --query "[?displayName=='$name'].appId | [0]" --output tsv) ||
  fail "the Azure CLI can not list the registrations. Run 'az login', then 'azd provision'."
if [ -z "$client_id" ] || [ "$client_id" = "None" ]; then
  client_id=$(az ad app create --display-name "$name" --sign-in-audience AzureADMyOrg \
    --enable-id-token-issuance true --query appId --output tsv) ||
    fail "the application could not be registered; you may lack the right. Let somebody do it, then 'azd env set WEB_CLIENT_ID <its client id>'."
  az ad sp create --id "$client_id" --output none ||
    fail "the registration $client_id has no enterprise application. Run 'az ad sp create --id $client_id', then 'azd provision'."
fi
azd env set WEB_CLIENT_ID "$client_id"
azd env set WEB_REGISTRATION own
echo "preprovision: people sign in to the registration $name ($client_id)."
