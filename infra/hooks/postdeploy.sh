#!/bin/sh
# Subscribes the app to finished writes in the intake container, once its webhook is up.
# azd runs it after each deployment with the values of its environment as variables; by hand: azd hooks run postdeploy
# Running it again changes nothing. WAIT_SECONDS and ATTEMPTS are for tests and for slow days.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
wait_seconds=${WAIT_SECONDS:-15}
attempts=${ATTEMPTS:-40}

fail() {
  echo "postdeploy: $1" >&2
  exit 1
}

for name in AZURE_SUBSCRIPTION_ID AZURE_RESOURCE_GROUP AZURE_FUNCTION_APP_NAME AZURE_SYSTEM_TOPIC_NAME \
  AZURE_STORAGE_ACCOUNT_NAME AZURE_APPLICATION_INSIGHTS_NAME INPUT_CONTAINER EVENT_DEAD_LETTER_CONTAINER; do
  eval "value=\${$name:-}"
  [ -n "$value" ] || fail "$name is not set, so it is unknown what to subscribe. Run 'azd provision' first; azd then sets it."
done
command -v az >/dev/null 2>&1 ||
  fail "the Azure CLI (az) is missing, and only it can create the subscription. Install it, run 'az login', then 'azd hooks run postdeploy'."
az account show --subscription "$AZURE_SUBSCRIPTION_ID" --query id --output tsv >/dev/null 2>&1 ||
  fail "the Azure CLI does not see subscription $AZURE_SUBSCRIPTION_ID. Run 'az login', then 'azd hooks run postdeploy'."

# The key of the webhook appears when the host has started the blob trigger for the first time. Only its existence is
# asked for: the key itself never leaves Azure.
webhook_is_up() {
  found=$(az functionapp keys list --subscription "$AZURE_SUBSCRIPTION_ID" --resource-group "$AZURE_RESOURCE_GROUP" \
    --name "$AZURE_FUNCTION_APP_NAME" --query "contains(keys(systemKeys || \`{}\`), 'blobs_extension')" \
    --output json 2>/dev/null) && [ "$found" = "true" ]
}

subscribe() {
  az deployment group create --subscription "$AZURE_SUBSCRIPTION_ID" --resource-group "$AZURE_RESOURCE_GROUP" \
    --name event-subscription --template-file "$here/../event-subscription.bicep" --only-show-errors --output none \
    --parameters functionAppName="$AZURE_FUNCTION_APP_NAME" systemTopicName="$AZURE_SYSTEM_TOPIC_NAME" \
    storageAccountName="$AZURE_STORAGE_ACCOUNT_NAME" inputContainer="$INPUT_CONTAINER" \
    deadLetterContainer="$EVENT_DEAD_LETTER_CONTAINER"
}

attempt=1
until webhook_is_up; do
  [ "$attempt" -lt "$attempts" ] || fail "the app $AZURE_FUNCTION_APP_NAME did not start its blob trigger after $attempts looks, $wait_seconds s apart. \
Its log tells why, most often a wrong setting: Application Insights $AZURE_APPLICATION_INSIGHTS_NAME, Logs, query 'traces'. Then run 'azd hooks run postdeploy'."
  echo "postdeploy: waiting for the app to start its blob trigger ($attempt of $attempts)"
  attempt=$((attempt + 1))
  sleep "$wait_seconds"
done

# The first handshake can meet a cold start; four more tries do.
attempt=1
until subscribe; do
  [ "$attempt" -lt 5 ] || fail "the event subscription could not be created in $attempt attempts; the last error is above. \
Until it exists, new documents are found only by the nightly reconcile. Mend the cause, then run 'azd hooks run postdeploy'."
  echo "postdeploy: trying the event subscription again ($attempt of 5 failed)"
  attempt=$((attempt + 1))
  sleep "$wait_seconds"
done

echo "postdeploy: documents dropped into $AZURE_STORAGE_ACCOUNT_NAME/$INPUT_CONTAINER now reach the app."
