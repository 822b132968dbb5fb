#!/usr/bin/env pwsh
# Subscribes the app to finished writes in the intake container, once its webhook is up.
# azd runs it after each deployment with the values of its environment as variables; by hand: azd hooks run postdeploy
# Running it again changes nothing. WAIT_SECONDS and ATTEMPTS are for tests and for slow days.
# The same steps as postdeploy.sh, word for word where the languages allow it.
$ErrorActionPreference = 'Stop'

$waitSeconds = if ($env:WAIT_SECONDS) { [int]$env:WAIT_SECONDS } else { 15 }
$attempts = if ($env:ATTEMPTS) { [int]$env:ATTEMPTS } else { 40 }

function Stop-WithMessage([string]$message) {
    [Console]::Error.WriteLine("postdeploy: $message")
    exit 1
}

$names = 'AZURE_SUBSCRIPTION_ID', 'AZURE_RESOURCE_GROUP', 'AZURE_FUNCTION_APP_NAME', 'AZURE_SYSTEM_TOPIC_NAME',
    'AZURE_STORAGE_ACCOUNT_NAME', 'AZURE_APPLICATION_INSIGHTS_NAME', 'INPUT_CONTAINER', 'EVENT_DEAD_LETTER_CONTAINER'
foreach ($name in $names) {
    if (-not [Environment]::GetEnvironmentVariable($name)) {
        Stop-WithMessage "$name is not set, so it is unknown what to subscribe. Run 'azd provision' first; azd then sets it."
    }
}
if (-not (Get-Command az -ErrorAction SilentlyContinue)) {
    Stop-WithMessage "the Azure CLI (az) is missing, and only it can create the subscription. Install it, run 'az login', then 'azd hooks run postdeploy'."
}
az account show --subscription $env:AZURE_SUBSCRIPTION_ID --query id --output tsv 2>$null | Out-Null
if ($LASTEXITCODE -ne 0) {
    Stop-WithMessage "the Azure CLI does not see subscription $env:AZURE_SUBSCRIPTION_ID. Run 'az login', then 'azd hooks run postdeploy'."
}

# The key of the webhook appears when the host has started the blob trigger for the first time. Only its existence is
# asked for: the key itself never leaves Azure.
function Test-Webhook {
    $found = az functionapp keys list --subscription $env:AZURE_SUBSCRIPTION_ID --resource-group $env:AZURE_RESOURCE_GROUP `
        --name $env:AZURE_FUNCTION_APP_NAME --query "contains(keys(systemKeys || ``{}``), 'blobs_extension')" `
        --output json 2>$null
    return ($LASTEXITCODE -eq 0) -and ($found -eq 'true')
}

function New-Subscription {
    az deployment group create --subscription $env:AZURE_SUBSCRIPTION_ID --resource-group $env:AZURE_RESOURCE_GROUP `
        --name event-subscription --template-file "$PSScriptRoot/../event-subscription.bicep" --only-show-errors --output none `
        --parameters functionAppName=$env:AZURE_FUNCTION_APP_NAME systemTopicName=$env:AZURE_SYSTEM_TOPIC_NAME `
        storageAccountName=$env:AZURE_STORAGE_ACCOUNT_NAME inputContainer=$env:INPUT_CONTAINER `
        deadLetterContainer=$env:EVENT_DEAD_LETTER_CONTAINER | Out-Host
    return $LASTEXITCODE -eq 0
}

$attempt = 1
while (-not (Test-Webhook)) {
    if ($attempt -ge $attempts) {
        Stop-WithMessage ("the app $env:AZURE_FUNCTION_APP_NAME did not start its blob trigger after $attempts looks, $waitSeconds s apart. " +
            "Its log tells why, most often a wrong setting: Application Insights $env:AZURE_APPLICATION_INSIGHTS_NAME, Logs, query 'traces'. " +
            "Then run 'azd hooks run postdeploy'.")
    }
    Write-Output "postdeploy: waiting for the app to start its blob trigger ($attempt of $attempts)"
    $attempt += 1
    Start-Sleep -Seconds $waitSeconds
}

# The first handshake can meet a cold start; four more tries do.
$attempt = 1
while (-not (New-Subscription)) {
    if ($attempt -ge 5) {
        Stop-WithMessage ("the event subscription could not be created in $attempt attempts; the last error is above. " +
            "Until it exists, new documents are found only by the nightly reconcile. Mend the cause, then run 'azd hooks run postdeploy'.")
    }
    Write-Output "postdeploy: trying the event subscription again ($attempt of 5 failed)"
    $attempt += 1
    Start-Sleep -Seconds $waitSeconds
}

Write-Output "postdeploy: documents dropped into $env:AZURE_STORAGE_ACCOUNT_NAME/$env:INPUT_CONTAINER now reach the app."
