#!/usr/bin/env pwsh
# Registers the application that people sign in to, where WEB is entra and WEB_CLIENT_ID names none.
# azd runs it before it provisions, with the values of its environment as variables; by hand: azd hooks run preprovision
# Running it again changes nothing: a registration of the same name is taken.
# The same steps as preprovision.sh, word for word where the languages allow it.
$ErrorActionPreference = 'Stop'

function Stop-WithMessage([string]$message) {
    [Console]::Error.WriteLine("preprovision: $message")
    exit 1
}

$mode = "$env:WEB".ToLowerInvariant()
if ($mode -ne 'entra') { exit 0 }
if ($env:WEB_CLIENT_ID) { exit 0 }
if (-not $env:AZURE_ENV_NAME) {
    Stop-WithMessage "AZURE_ENV_NAME is not set, so the registration has no name. Run 'azd provision', which sets it."
}
if (-not (Get-Command az -ErrorAction SilentlyContinue)) {
    Stop-WithMessage "the Azure CLI (az) is missing, and only it can register the application. Install it, run 'az login', then 'azd provision'."
}

$name = "entity-drop-$env:AZURE_ENV_NAME"
$client_id = az ad app list --display-name "$name" --query "[?displayName=='$name'].appId | [0]" --output tsv
if ($LASTEXITCODE -ne 0) {
    Stop-WithMessage "the Azure CLI can not list the registrations. Run 'az login', then 'azd provision'."
}
if ((-not $client_id) -or ($client_id -eq 'None')) {
    $client_id = az ad app create --display-name "$name" --sign-in-audience AzureADMyOrg `
        --enable-id-token-issuance true --query appId --output tsv
    if ($LASTEXITCODE -ne 0) {
        Stop-WithMessage "the application could not be registered; you may lack the right. Let somebody do it, then 'azd env set WEB_CLIENT_ID <its client id>'."
    }
    az ad sp create --id "$client_id" --output none
    if ($LASTEXITCODE -ne 0) {
        Stop-WithMessage "the registration $client_id has no enterprise application. Run 'az ad sp create --id $client_id', then 'azd provision'."
    }
}
azd env set WEB_CLIENT_ID "$client_id"
azd env set WEB_REGISTRATION own
Write-Output "preprovision: people sign in to the registration $name ($client_id)."
